//! What a service was denied by the server of messages, as a person should know it.

use std::cmp::Reverse;

use model::{Asked, Denial, ServiceName, api::Finding};

/// As many as leave room for what its connections tell.
const FINDINGS_MAX: usize = 2;

/// What the service was denied: what could be a topic first, the most frequent first.
pub(crate) fn findings(service: &ServiceName, denials: &[Denial]) -> Vec<Finding> {
    let mut own: Vec<_> = denials.iter().filter(|denial| denial.service == *service).collect();
    own.sort_by_key(|denial| (!is_topic(denial), Reverse(denial.times)));
    own.into_iter().take(FINDINGS_MAX).map(finding).collect()
}

fn is_topic(denial: &Denial) -> bool {
    denial.subject.as_ref().is_none_or(|subject| !subject.starts_with('$'))
}

fn finding(denial: &Denial) -> Finding {
    let Denial { service, asked, subject, times } = denial;
    let is_topic = is_topic(denial);
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
                "a bucket or an object store is named in `buckets` or `objects` of `[services.{service}]`, and made by Isles"
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
            denial("web", Asked::Publish, Some("$JS.API.STREAM.CREATE.x"), 20),
            denial("web", Asked::Publish, Some("nope.x"), 12),
            denial("web", Asked::Publish, None, 3),
            denial("worker", Asked::Subscribe, Some("a"), 99),
            denial("worker", Asked::Subscribe, Some("$SRV.PING"), 1),
        ];
        let of = |service: &str| findings(&service.parse().unwrap(), &denials);
        let said: Vec<_> = of("web").into_iter().map(|finding| finding.what).collect();
        assert_eq!(
            said,
            [
                "published `nope.x`, which `publishes` does not name: 12 times",
                "published other subjects, which `publishes` does not name: 3 times",
            ]
        );
        let [topic, other] = &*of("worker") else { panic!("two") };
        assert_eq!(topic.connection, "worker -> $NATS_URL");
        assert_eq!(topic.hint, "add it to `subscribes` of `[services.worker]`; each topic is consumed by itself");
        assert_eq!(other.what, "sent or asked for `$SRV.PING`, to which it has no right: once");
    }
}
