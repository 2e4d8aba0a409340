//! Asks `logic::access` about every message of an instance: what it asks for is in the subject, and for some in the body.

use std::sync::{Arc, Mutex, PoisonError};

use logic::access::{Access, ConsumerWish, Denials, Operation};
use model::{Asked, ServiceName};

use crate::{
    jetstream::{AckSubject, Api, Call, Request},
    server::{Guard, Message},
};

/// The rights of a service's instances, as the server asks for them.
#[derive(Debug)]
pub(super) struct Gate {
    service: ServiceName,
    access: Access,
    api: Api,
    denials: Arc<Mutex<Denials>>,
}

impl Gate {
    pub(super) fn new(service: ServiceName, access: Access, denials: Arc<Mutex<Denials>>) -> Self {
        Self { service, access, api: Api::default(), denials }
    }

    fn allows(&self, subject: &str, body: &[u8]) -> bool {
        let call = Call { subject, required_level: None, body };
        match self.api.parse(&call) {
            Some(Ok(request)) => self.access.allows(&operation(&request)),
            // The engine reads it as strictly at least, and refuses it with the reason.
            Some(Err(_)) => true,
            None => outside(subject).is_some_and(|operation| self.access.allows(&operation)),
        }
    }
}

impl Guard for Gate {
    fn may_publish(&self, message: &Message<'_>, _: &dyn Fn(&[u8]) -> bool) -> bool {
        str::from_utf8(message.subject).is_ok_and(|subject| self.allows(subject, message.payload))
    }

    fn denied(&self, asked: Asked, subject: &[u8]) {
        let mut denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
        denials.note(&self.service, asked, &String::from_utf8_lossy(subject));
    }
}

/// What a request of the API asks for.
fn operation(request: &Request) -> Operation<'_> {
    match request {
        Request::AccountInfo => Operation::AccountInfo,
        Request::StreamCreate { config, .. } | Request::StreamUpdate { config, .. } => {
            Operation::StreamAsIs(&config.name)
        }
        Request::StreamDelete { stream } => Operation::StreamAsIs(stream),
        Request::StreamInfo { stream, .. } => Operation::StreamInfo(stream),
        Request::StreamPurge { stream, .. } => Operation::Purge(stream),
        Request::StreamNames(which) | Request::StreamList(which) => Operation::FindStreams(&which.subject),
        Request::MessageGet { stream, .. } | Request::DirectGet { stream, .. } => Operation::MessageGet(stream),
        Request::MessageDelete { stream, .. } => Operation::MessageDelete(stream),
        Request::ConsumerCreate { stream, create } => {
            let config = &create.config;
            let deliver = Some(config.deliver_subject.as_str()).filter(|subject| !subject.is_empty());
            Operation::ConsumerCreate(ConsumerWish {
                stream,
                name: &config.name,
                durable: !config.durable_name.is_empty(),
                filters: filters(&config.filter_subject, &config.filter_subjects),
                deliver,
            })
        }
        Request::ConsumerNames { stream, .. } | Request::ConsumerList { stream, .. } => Operation::ConsumerList(stream),
        Request::ConsumerInfo { stream, consumer }
        | Request::ConsumerDelete { stream, consumer }
        | Request::ConsumerNext { stream, consumer, .. }
        | Request::ConsumerPause { stream, consumer, .. } => Operation::ConsumerUse { stream, consumer },
    }
}

fn filters<'a>(one: &'a str, several: &'a [String]) -> Vec<&'a str> {
    let one = Some(one).filter(|filter| !filter.is_empty());
    one.into_iter().chain(several.iter().map(String::as_str)).collect()
}

/// What a message outside the API asks for; `None` for an answer to a delivery that is malformed.
fn outside(subject: &str) -> Option<Operation<'_>> {
    if subject.starts_with("$JS.ACK.") {
        let delivery = AckSubject::parse(subject)?.delivery;
        return Some(Operation::ConsumerUse { stream: delivery.stream, consumer: delivery.consumer });
    }
    let Some(flow) = subject.strip_prefix("$JS.FC.") else { return Some(Operation::Publish(subject)) };
    let mut tokens = flow.split('.');
    Some(Operation::ConsumerUse { stream: tokens.next()?, consumer: tokens.next()? })
}

#[cfg(test)]
mod tests {
    use model::spec::{Service, System, Topic};

    use super::*;

    fn gate() -> Gate {
        let topic: model::TopicName = "orders.placed".parse().unwrap();
        let mailer = Service {
            subscribes: [topic.clone()].into(),
            buckets: ["sent".parse().unwrap()].into(),
            ..Service::new("x")
        };
        let name: ServiceName = "mailer".parse().unwrap();
        let services = [(name.clone(), mailer), ("orders".parse().unwrap(), Service::new("x"))].into();
        let topics = [(topic, Topic::default())].into();
        let system = System { services, topics, ..System::new("shop".parse().unwrap()) };
        let access = Access::new(&Arc::new(system), &name);
        Gate::new(name, access, Arc::default())
    }

    #[track_caller]
    fn check(rows: &[(&str, &str, bool)]) {
        let gate = gate();
        for (subject, body, expected) in rows {
            assert_eq!(gate.allows(subject, body.as_bytes()), *expected, "{subject} {body}");
        }
    }

    #[test]
    fn requests_are_understood_by_subject_and_body() {
        check(&[
            ("$JS.API.INFO", "", true),
            ("$JS.API.STREAM.NAMES", r#"{"subject":"orders.placed"}"#, true),
            ("$JS.API.STREAM.NAMES", "", false),
            ("$JS.API.STREAM.LIST", "", false),
            ("$JS.API.STREAM.INFO.orders_placed", "", true),
            ("$JS.API.STREAM.INFO.others", "", false),
            ("$JS.API.STREAM.CREATE.KV_sent", r#"{"name":"KV_sent"}"#, true),
            ("$JS.API.STREAM.CREATE.mine", r#"{"name":"mine"}"#, false),
            ("$JS.API.STREAM.UPDATE.KV_sent", r#"{"name":"KV_sent"}"#, true),
            ("$JS.API.STREAM.UPDATE.others", r#"{"name":"others"}"#, false),
            ("$JS.API.STREAM.DELETE.orders_placed", "", true),
            ("$JS.API.STREAM.DELETE.others", "", false),
            ("$JS.API.STREAM.PURGE.KV_sent", "", true),
            ("$JS.API.STREAM.PURGE.orders_placed", "", false),
            ("$JS.API.STREAM.MSG.GET.orders_placed", r#"{"seq":1}"#, true),
            ("$JS.API.DIRECT.GET.KV_sent.$KV.sent.a", "", true),
            ("$JS.API.DIRECT.GET.others.a", "", false),
            (
                "$JS.API.CONSUMER.CREATE.orders_placed.mailer-1",
                r#"{"stream_name":"orders_placed","config":{"durable_name":"mailer-1"}}"#,
                true,
            ),
            (
                "$JS.API.CONSUMER.CREATE.orders_placed.x",
                r#"{"stream_name":"orders_placed","config":{"durable_name":"x"}}"#,
                false,
            ),
            (
                "$JS.API.CONSUMER.CREATE.orders_placed.x",
                r#"{"stream_name":"orders_placed","config":{"name":"x"}}"#,
                true,
            ),
            (
                "$JS.API.CONSUMER.CREATE.orders_placed.x.a.b",
                r#"{"stream_name":"orders_placed","config":{"filter_subject":"a.b"}}"#,
                false,
            ),
            (
                "$JS.API.CONSUMER.CREATE.orders_placed",
                r#"{"stream_name":"orders_placed","config":{"deliver_subject":"_INBOX.a"}}"#,
                true,
            ),
            (
                "$JS.API.CONSUMER.CREATE.orders_placed",
                r#"{"stream_name":"orders_placed","config":{"deliver_subject":"$KV.sent.a"}}"#,
                false,
            ),
            (
                "$JS.API.CONSUMER.DURABLE.CREATE.orders_placed.mailer",
                r#"{"stream_name":"orders_placed","config":{"durable_name":"mailer"}}"#,
                true,
            ),
            ("$JS.API.CONSUMER.INFO.orders_placed.orders-1", "", false),
            ("$JS.API.CONSUMER.DELETE.orders_placed.orders-1", "", false),
            ("$JS.API.CONSUMER.MSG.NEXT.orders_placed.mailer", "", true),
            ("$JS.API.CONSUMER.MSG.NEXT.orders_placed.orders", "", false),
            ("$JS.API.CONSUMER.NAMES.orders_placed", "", false),
            ("$JS.API.CONSUMER.NAMES.KV_sent", "", true),
            ("$JS.API.CONSUMER.PAUSE.orders_placed.mailer-1", "", true),
            ("$JS.API.CONSUMER.PAUSE.orders_placed.orders-1", "", false),
        ]);
    }

    #[test]
    fn acknowledgements_and_messages_are_understood_by_their_subjects() {
        check(&[
            ("$JS.ACK.orders_placed.mailer.1.1.1.1.0", "", true),
            ("$JS.ACK.orders_placed.orders-1.1.1.1.1.0", "", false),
            ("$JS.ACK._.hash.orders_placed.mailer.1.1.1.1.0", "", true),
            ("$JS.ACK._.hash.others.mailer.1.1.1.1.0", "", false),
            ("$JS.ACK.orders_placed", "", false),
            ("$JS.FC.orders_placed.mailer.x", "", true),
            ("$JS.FC.others.mailer.x", "", false),
            ("$KV.sent.a", "", true),
            ("orders.placed", "", false),
            ("$SYS.REQ.SERVER.PING", "", false),
        ]);
    }
}
