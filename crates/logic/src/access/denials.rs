//! What services were denied, counted.

use std::collections::BTreeMap;

use model::{Asked, Denial, ServiceName};

/// Subjects of a service that are told apart; what it is denied on others is counted together.
const SUBJECTS_MAX: usize = 32;

/// How often a service was denied something, by what it asked for and the subject.
type Counts = BTreeMap<(Asked, Option<Box<str>>), u64>;

/// What services were denied.
#[derive(Debug, Default)]
pub struct Denials(BTreeMap<ServiceName, Counts>);

impl Denials {
    /// Something was denied.
    pub fn note(&mut self, service: &ServiceName, asked: Asked, subject: &str) {
        let counts = self.0.entry(service.clone()).or_default();
        let mut what = (asked, Some(subject.into()));
        if counts.len() >= SUBJECTS_MAX && !counts.contains_key(&what) {
            what.1 = None;
        }
        *counts.entry(what).or_default() += 1;
    }

    /// A service is gone.
    pub fn forget(&mut self, service: &ServiceName) {
        self.0.remove(service);
    }

    /// All of it.
    pub fn list(&self) -> Vec<Denial> {
        self.0.iter().flat_map(|(service, counts)| denials(service, counts)).collect()
    }
}

fn denials(service: &ServiceName, counts: &Counts) -> impl Iterator<Item = Denial> {
    counts.iter().map(|((asked, subject), times)| Denial {
        service: service.clone(),
        asked: *asked,
        subject: subject.clone(),
        times: *times,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_denied_it_is_counted_and_the_list_is_bounded() {
        let [web, worker] = ["web", "worker"].map(|name| name.parse::<ServiceName>().unwrap());
        let mut denials = Denials::default();
        for i in 0..100 {
            denials.note(&web, Asked::Publish, "nope.x");
            denials.note(&web, Asked::Publish, &format!("s.{i}"));
        }
        denials.note(&worker, Asked::Subscribe, "a");
        let list = denials.list();
        let times =
            |subject: Option<&str>| list.iter().find(|denial| denial.subject.as_deref() == subject).unwrap().times;
        assert_eq!((list.len(), times(Some("nope.x")), times(Some("s.0")), times(None)), (34, 100, 1, 69));
        denials.forget(&web);
        let left = Denial { service: worker, asked: Asked::Subscribe, subject: Some("a".into()), times: 1 };
        assert_eq!(denials.list(), [left]);
    }
}
