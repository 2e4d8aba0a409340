//! Which endpoint a subject names. The names in it are not looked at yet.

/// An endpoint with the names in its subject: streams, consumers, and the subjects that follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    AccountInfo,
    StreamCreate(&'a str),
    StreamUpdate(&'a str),
    StreamDelete(&'a str),
    StreamInfo(&'a str),
    StreamPurge(&'a str),
    StreamNames,
    StreamList,
    StreamSnapshot,
    StreamRestore,
    StreamPeerRemove,
    StreamStepdown,
    MessageGet(&'a str),
    MessageDelete(&'a str),
    DirectGet(&'a str),
    DirectGetLast(&'a str, &'a str),
    /// With a stream only: an ephemeral consumer in the old form.
    ConsumerCreate(&'a str),
    ConsumerCreateNamed(&'a str, &'a str, Option<&'a str>),
    ConsumerCreateDurable(&'a str, &'a str),
    ConsumerInfo(&'a str, &'a str),
    ConsumerDelete(&'a str, &'a str),
    ConsumerNames(&'a str),
    ConsumerList(&'a str),
    ConsumerNext(&'a str, &'a str),
    ConsumerPause(&'a str, &'a str),
    ConsumerReset,
    ConsumerUnpin,
    ConsumerStepdown,
    /// For the operators of a cluster; others get no answer.
    System,
    Unknown,
}

impl<'a> Endpoint<'a> {
    /// Reads a subject: `$JS.API.…`, or `$JS.DOMAIN.API.…` in the server's domain. `None` if it is not for the API.
    pub(crate) fn parse(subject: &'a str, domain: Option<&str>) -> Option<Self> {
        let rest = subject.strip_prefix("$JS.")?;
        let of_domain = || rest.strip_prefix(domain?)?.strip_prefix(".API.");
        let rest = rest.strip_prefix("API.").or_else(of_domain)?;
        let tokens: Vec<_> = rest.split('.').collect();
        Some(match tokens.as_slice() {
            ["INFO"] => Self::AccountInfo,
            ["STREAM", tokens @ ..] => Self::stream(tokens),
            ["DIRECT", "GET", stream] => Self::DirectGet(stream),
            ["DIRECT", "GET", stream, _, ..] => Self::DirectGetLast(stream, after(rest, 3)),
            ["CONSUMER", tokens @ ..] => Self::consumer(tokens, rest),
            ["META" | "SERVER" | "ACCOUNT", ..] => Self::System,
            _ => Self::Unknown,
        })
    }

    fn stream(tokens: &[&'a str]) -> Self {
        match *tokens {
            ["NAMES"] => Self::StreamNames,
            ["LIST"] => Self::StreamList,
            ["CREATE", stream] => Self::StreamCreate(stream),
            ["UPDATE", stream] => Self::StreamUpdate(stream),
            ["DELETE", stream] => Self::StreamDelete(stream),
            ["INFO", stream] => Self::StreamInfo(stream),
            ["PURGE", stream] => Self::StreamPurge(stream),
            ["SNAPSHOT", _] => Self::StreamSnapshot,
            ["RESTORE", _] => Self::StreamRestore,
            ["PEER", "REMOVE", _] => Self::StreamPeerRemove,
            ["LEADER", "STEPDOWN", _] => Self::StreamStepdown,
            ["MSG", "GET", stream] => Self::MessageGet(stream),
            ["MSG", "DELETE", stream] => Self::MessageDelete(stream),
            _ => Self::Unknown,
        }
    }

    fn consumer(tokens: &[&'a str], rest: &'a str) -> Self {
        match *tokens {
            ["CREATE", stream] => Self::ConsumerCreate(stream),
            ["CREATE", stream, name] => Self::ConsumerCreateNamed(stream, name, None),
            ["CREATE", stream, name, ..] => Self::ConsumerCreateNamed(stream, name, Some(after(rest, 4))),
            ["DURABLE", "CREATE", stream, name] => Self::ConsumerCreateDurable(stream, name),
            ["INFO", stream, name] => Self::ConsumerInfo(stream, name),
            ["DELETE", stream, name] => Self::ConsumerDelete(stream, name),
            ["NAMES", stream] => Self::ConsumerNames(stream),
            ["LIST", stream] => Self::ConsumerList(stream),
            ["MSG", "NEXT", stream, name] => Self::ConsumerNext(stream, name),
            ["PAUSE", stream, name] => Self::ConsumerPause(stream, name),
            ["RESET", _, _] => Self::ConsumerReset,
            ["UNPIN", _, _] => Self::ConsumerUnpin,
            ["LEADER", "STEPDOWN", _, _] => Self::ConsumerStepdown,
            _ => Self::Unknown,
        }
    }
}

/// What follows the first tokens of a subject that has more.
fn after(subject: &str, tokens: usize) -> &str {
    subject.splitn(tokens + 1, '.').last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects() {
        for (rest, expected) in [
            ("INFO", Endpoint::AccountInfo),
            ("STREAM.CREATE.s", Endpoint::StreamCreate("s")),
            ("STREAM.UPDATE.s", Endpoint::StreamUpdate("s")),
            ("STREAM.DELETE.s", Endpoint::StreamDelete("s")),
            ("STREAM.INFO.s", Endpoint::StreamInfo("s")),
            ("STREAM.PURGE.s", Endpoint::StreamPurge("s")),
            ("STREAM.NAMES", Endpoint::StreamNames),
            ("STREAM.LIST", Endpoint::StreamList),
            ("STREAM.SNAPSHOT.s", Endpoint::StreamSnapshot),
            ("STREAM.RESTORE.s", Endpoint::StreamRestore),
            ("STREAM.PEER.REMOVE.s", Endpoint::StreamPeerRemove),
            ("STREAM.LEADER.STEPDOWN.s", Endpoint::StreamStepdown),
            ("STREAM.MSG.GET.s", Endpoint::MessageGet("s")),
            ("STREAM.MSG.DELETE.s", Endpoint::MessageDelete("s")),
            ("DIRECT.GET.s", Endpoint::DirectGet("s")),
            ("DIRECT.GET.KV_b.$KV.b.k", Endpoint::DirectGetLast("KV_b", "$KV.b.k")),
            ("CONSUMER.CREATE.s", Endpoint::ConsumerCreate("s")),
            ("CONSUMER.CREATE.s.c", Endpoint::ConsumerCreateNamed("s", "c", None)),
            ("CONSUMER.CREATE.s.c.a.*.>", Endpoint::ConsumerCreateNamed("s", "c", Some("a.*.>"))),
            ("CONSUMER.DURABLE.CREATE.s.c", Endpoint::ConsumerCreateDurable("s", "c")),
            ("CONSUMER.INFO.s.c", Endpoint::ConsumerInfo("s", "c")),
            ("CONSUMER.DELETE.s.c", Endpoint::ConsumerDelete("s", "c")),
            ("CONSUMER.NAMES.s", Endpoint::ConsumerNames("s")),
            ("CONSUMER.LIST.s", Endpoint::ConsumerList("s")),
            ("CONSUMER.MSG.NEXT.s.c", Endpoint::ConsumerNext("s", "c")),
            ("CONSUMER.PAUSE.s.c", Endpoint::ConsumerPause("s", "c")),
            ("CONSUMER.RESET.s.c", Endpoint::ConsumerReset),
            ("CONSUMER.UNPIN.s.c", Endpoint::ConsumerUnpin),
            ("CONSUMER.LEADER.STEPDOWN.s.c", Endpoint::ConsumerStepdown),
            ("META.LEADER.STEPDOWN", Endpoint::System),
            ("SERVER.REMOVE", Endpoint::System),
            ("ACCOUNT.PURGE.a", Endpoint::System),
        ] {
            let parse = |subject: &str, domain| {
                assert_eq!(Endpoint::parse(subject, domain), Some(expected), "{subject} in {domain:?}");
            };
            parse(&format!("$JS.API.{rest}"), None);
            parse(&format!("$JS.API.{rest}"), Some("hub"));
            parse(&format!("$JS.hub.API.{rest}"), Some("hub"));
        }
    }

    #[test]
    fn what_nobody_understands() {
        for rest in [
            "",
            "info",
            "INFO.more",
            "STREAM",
            "STREAM.CREATE",
            "STREAM.CREATE.a.b",
            "STREAM.TEMPLATE.CREATE.a",
            "DIRECT.GET",
            "CONSUMER.CREATE",
            "CONSUMER.DURABLE.CREATE.s",
            "CONSUMER.MSG.NEXT.s.c.more",
            "FONI",
        ] {
            assert_eq!(Endpoint::parse(&format!("$JS.API.{rest}"), None), Some(Endpoint::Unknown), "{rest}");
        }
    }

    #[test]
    fn what_is_not_for_the_api() {
        for (subject, domain) in [
            ("orders.placed", None),
            ("$JS.API", None),
            ("$JS.ACK.s.c.1.2.3.4.5", None),
            ("$JS.hub.API.INFO", None),
            ("$JS.hub.API.INFO", Some("leaf")),
            ("$JS.hub2.API.INFO", Some("hub")),
        ] {
            assert_eq!(Endpoint::parse(subject, domain), None, "{subject}");
        }
    }
}
