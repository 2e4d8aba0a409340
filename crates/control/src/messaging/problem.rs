//! What goes wrong with topics and buckets, with what a person can do about it.

use model::{Problem, api::InvalidContent};
use ports::streams::StreamsError;

/// There is no topic, bucket or consumer of this name; those that there are.
pub(super) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Box<Problem> {
    let known: Vec<&str> = known.collect();
    let hint = match manifest::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => none_there(what).to_owned(),
        None => format!("there are: {}", known.join(", ")),
    };
    let problem = Problem::new(404, &format!("unknown-{what}"), &format!("there is no such {what}"), hint);
    Box::new(problem.with_detail(format!("there is no {what} `{name}`")))
}

/// The system has nothing to do with messages.
pub(crate) fn no_topic(name: &str) -> Box<Problem> {
    unknown("topic", name, std::iter::empty())
}

/// The same, of a bucket.
pub(crate) fn no_bucket(name: &str) -> Box<Problem> {
    unknown("bucket", name, std::iter::empty())
}

fn none_there(what: &str) -> &'static str {
    match what {
        "topic" => "there is none: a service that says `publishes = [\"orders.placed\"]` in the manifest makes one",
        "bucket" => "there is none: a service that says `buckets = [\"sessions\"]` in the manifest makes one",
        _ => "there is none yet: a subscriber makes it when it runs",
    }
}

pub(super) fn unknown_key(bucket: &str, key: &str) -> Box<Problem> {
    let hint = format!("`isles kv ls {bucket}` shows its keys");
    let detail = format!("the bucket `{bucket}` has no value for the key `{key}`");
    Box::new(Problem::new(404, "unknown-key", "there is no such key", hint).with_detail(detail))
}

pub(super) fn unknown_dead_letter(id: &str, topic: &str) -> Box<Problem> {
    let hint =
        format!("`isles topic dead ls {topic}` shows those that there are; one that was replayed or removed is gone");
    let detail = format!("there is no dead letter `{id}`");
    Box::new(Problem::new(404, "unknown-dead-letter", "there is no such dead letter", hint).with_detail(detail))
}

/// A place to go on from that no message has had.
pub(super) fn not_yet(last: u64) -> Box<Problem> {
    let problem = Problem::new(422, "not-yet", "there is no such message yet", "`new` passes over all that there is");
    Box::new(problem.with_detail(format!("the last message of the topic is {last}")))
}

pub(super) fn bad_content(error: &InvalidContent) -> Box<Problem> {
    let problem =
        Problem::new(422, "bad-content", "the content is not what it says", "send a text, or {\"base64\": \"…\"}");
    Box::new(problem.with_detail(error.to_string()))
}

pub(super) fn bad_header(name: &str) -> Box<Problem> {
    let hint = "a name is of visible ASCII without a colon, a value has no line breaks";
    let detail = format!("{name:?} cannot be a header field so");
    Box::new(Problem::new(422, "bad-header", "a header field cannot be sent", hint).with_detail(detail))
}

pub(super) fn bad_keys(keys: &str) -> Box<Problem> {
    let hint = "write keys such as `users.7`, with `*` for a word and `>` at the end for all that follow";
    let detail = format!("`{keys}` stands for no keys");
    Box::new(Problem::new(400, "bad-keys", "this stands for no keys", hint).with_detail(detail))
}

pub(super) fn too_large(bucket: &str) -> Box<Problem> {
    let hint = "ask for fewer keys, such as `users.*`";
    let detail = format!("the entries of `{bucket}` are too many for one answer");
    Box::new(Problem::new(413, "too-many-entries", "the answer would be too large", hint).with_detail(detail))
}

/// What an engine did not do.
pub(super) fn refused(error: StreamsError) -> Box<Problem> {
    let (status, reason, title, hint) = match &error {
        StreamsError::Conflict { .. } => {
            (409, "conflict", "it has changed meanwhile", "read it again, and decide anew")
        }
        StreamsError::Invalid(_) => (
            422,
            "bad-message",
            "a name or a value is not allowed",
            "a key is of a-z, A-Z, 0-9 and `-/_=.`; a message, with its header, or a value has at most 1 MiB",
        ),
        StreamsError::Absent(_) => (
            404,
            "not-there",
            "it is not there",
            "somebody has removed it from the server: `isles down` and `isles up` make it anew",
        ),
        StreamsError::Unsupported(_) => (501, "unsupported", "the engine cannot do this", "the engine `embedded` can"),
        StreamsError::Refused { .. } => {
            (409, "refused", "the engine refuses it", "the cause says what it does not take")
        }
        StreamsError::Unreachable(_) => (
            503,
            "unreachable",
            "the server of messages does not answer",
            "try again; if it happens again, see `isles status`",
        ),
        StreamsError::Io { .. } => (503, "disk", "the host failed", "see whether the disk is full"),
        StreamsError::Damaged { .. } | StreamsError::Newer { .. } => {
            (500, "unreadable", "what is stored cannot be read", "restore it from a copy")
        }
    };
    Box::new(Problem::new(status, reason, title, hint).with_detail(error.to_string()))
}

/// What an engine did not take into a topic or a bucket, `topics."a.b"`.
pub(super) fn not_taken(table: &str, error: StreamsError) -> Box<Problem> {
    let full = match &error {
        StreamsError::Refused { cause, .. } if cause.starts_with("maximum bytes") => Some("max_bytes"),
        StreamsError::Refused { cause, .. } if cause.starts_with("maximum messages exceeded") => Some("max_msgs"),
        _ => None,
    };
    let problem = *refused(error);
    let other = if table.starts_with("topics") { "say `discard = \"old\"`" } else { "remove entries" };
    let raise = |key| format!("it is full: raise `{key}` of `[{table}]`, or {other}");
    Box::new(Problem { hint: full.map_or(problem.hint, raise), ..problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_says_which_key_to_raise() {
        let hint = |table: &str, cause: &str| {
            let error = StreamsError::Refused { doing: "cannot publish message".into(), cause: cause.into() };
            not_taken(table, error).hint
        };
        let full = "maximum bytes exceeded";
        assert_eq!(
            hint("topics.\"a.b\"", full),
            "it is full: raise `max_bytes` of `[topics.\"a.b\"]`, or say `discard = \"old\"`"
        );
        assert!(hint("topics.a", "maximum messages exceeded").contains("`max_msgs` of `[topics.a]`"));
        assert_eq!(hint("buckets.b1", full), "it is full: raise `max_bytes` of `[buckets.b1]`, or remove entries");
        assert_eq!(hint("buckets.b1", "not so"), "the cause says what it does not take");
    }
}
