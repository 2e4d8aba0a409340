//! What a service was denied by the server of messages, as a person should know it.

use std::cmp::Reverse;

use model::{Asked, Denial, ServiceName, api::Finding};

/// The most frequent ones.
const FINDINGS_MAX: usize = 3;

/// What the service was denied, the most frequent first.
pub(crate) fn findings(service: &ServiceName, denials: &[Denial]) -> Vec<Finding> {
    let mut own: Vec<_> = denials.iter().filter(|denial| denial.service == *service).collect();
    own.sort_by_key(|denial| Reverse(denial.times));
    own.into_iter().take(FINDINGS_MAX).map(finding).collect()
}

fn finding(denial: &Denial) -> Finding {
    let Denial { service, asked, subject, times } = denial;
    let is_topic = subject.as_ref().is_none_or(|subject| !subject.starts_with('$'));
    let subject = subject.as_ref().map_or("other subjects".into(), |subject| format!("`{subject}`"));
    let (what, hint) = match asked {
        Asked::Publish if is_topic => (
            format!("published {subject}, which `publishes` does not name"),
            format!("add it to `publishes` of `[services.{service}]`, or correct the program"),
        ),
        Asked::Subscribe if is_topic => (
            format!("subscribed to {subject}, which `subscribes` does not name"),
            format!("add it to `subscribes` of `[services.{service}]`; each topic is consumed by itself"),
        ),
        Asked::Publish | Asked::Subscribe => (
            format!("sent or asked for {subject}, to which it has no right"),
            format!(
                "name what it uses in `publishes`, `subscribes`, `buckets` or `objects` of `[services.{service}]`: Isles makes it"
            ),
        ),
        Asked::Answer => (
            format!("asked for an answer at {subject}, which is no inbox of its own"),
            "it has to subscribe to the reply subject itself, on the same connection, before it asks".into(),
        ),
    };
    let often = if *times == 1 { "once".into() } else { format!("{times} times") };
    Finding { connection: format!("{service} -> $NATS_URL"), now: false, what: format!("{what}: {often}"), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_denials_of_a_service() {
        let denial = |service: &str, asked, subject: Option<&str>, times| Denial {
            service: service.parse().unwrap(),
            asked,
            subject: subject.map(Into::into),
            times,
        };
        let denials = [
            denial("web", Asked::Answer, Some("r"), 1),
            denial("web", Asked::Publish, Some("$JS.API.STREAM.CREATE.x"), 2),
            denial("web", Asked::Publish, Some("nope.x"), 12),
            denial("web", Asked::Publish, None, 3),
            denial("worker", Asked::Subscribe, Some("a"), 99),
        ];
        let of = |service: &str| findings(&service.parse().unwrap(), &denials);
        let said: Vec<_> = of("web").into_iter().map(|finding| finding.what).collect();
        assert_eq!(
            said,
            [
                "published `nope.x`, which `publishes` does not name: 12 times",
                "published other subjects, which `publishes` does not name: 3 times",
                "sent or asked for `$JS.API.STREAM.CREATE.x`, to which it has no right: 2 times",
            ]
        );
        let worker = &of("worker")[0];
        assert_eq!(worker.connection, "worker -> $NATS_URL");
        assert_eq!(worker.hint, "add it to `subscribes` of `[services.worker]`; each topic is consumed by itself");
    }
}
