//! What goes wrong with topics and buckets, with what a person can do about it.

use model::{BucketName, Problem, TopicName, api::InvalidContent};
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

pub(super) fn unknown_message(sequence: &str, topic: &TopicName) -> Box<Problem> {
    let hint = format!("`isles topic tail {topic} --once` shows those that there are, each after its sequence");
    let detail = format!("there is no message `{sequence}` in the topic `{topic}`");
    Box::new(Problem::new(404, "unknown-message", "there is no such message", hint).with_detail(detail))
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

/// A consumer that was not moved.
pub(super) fn not_moved(topic: &TopicName, error: StreamsError) -> Box<Problem> {
    let is_refused = matches!(error, StreamsError::Refused { .. });
    let problem = *refused(error);
    let ways = format!(
        "`isles topic tail {topic} --once` shows what there is, and `isles topic rm {topic} SEQUENCE` takes away what nobody shall get"
    );
    Box::new(Problem { hint: if is_refused { ways } else { problem.hint }, ..problem })
}

/// What an engine did not take into a topic.
pub(super) fn not_published(topic: &TopicName, error: StreamsError) -> Box<Problem> {
    let otherwise = format!(
        ", or say `discard = \"old\"` there, and run `isles deploy`; `isles topic info {topic}` shows who is behind, and `isles topic rm \
         {topic} SEQUENCE` makes room at once"
    );
    not_taken(&format!("topics.\"{topic}\""), &otherwise, error)
}

/// What an engine did not take into a bucket.
pub(super) fn not_put(bucket: &BucketName, error: StreamsError) -> Box<Problem> {
    let otherwise = format!(" and run `isles deploy`, or make room with `isles kv del {bucket} KEY`");
    not_taken(&format!("buckets.{bucket}"), &otherwise, error)
}

/// JetStream tells by its text alone which limit is met, and so does every server of it.
fn not_taken(table: &str, otherwise: &str, error: StreamsError) -> Box<Problem> {
    let full = match &error {
        StreamsError::Refused { cause, .. } if cause.starts_with("maximum bytes exceeded") => Some("max_bytes"),
        StreamsError::Refused { cause, .. } if cause.starts_with("maximum messages exceeded") => Some("max_msgs"),
        _ => None,
    };
    let problem = *refused(error);
    let raise = |key| format!("it is full: raise `{key}` of `[{table}]`{otherwise}");
    Box::new(Problem { hint: full.map_or(problem.hint, raise), ..problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_says_which_key_to_raise_and_what_makes_room() {
        let refused =
            |cause: &str| StreamsError::Refused { doing: "cannot publish message".into(), cause: cause.into() };
        let (topic, bucket) = ("a.b".parse().unwrap(), "b1".parse().unwrap());
        let full = "maximum bytes exceeded";
        assert_eq!(
            not_published(&topic, refused(full)).hint,
            "it is full: raise `max_bytes` of `[topics.\"a.b\"]`, or say `discard = \"old\"` there, and run `isles deploy`; `isles \
             topic info a.b` shows who is behind, and `isles topic rm a.b SEQUENCE` makes room at once"
        );
        assert!(not_published(&topic, refused("maximum messages exceeded")).hint.contains("raise `max_msgs` of"));
        assert_eq!(
            not_put(&bucket, refused(full)).hint,
            "it is full: raise `max_bytes` of `[buckets.b1]` and run `isles deploy`, or make room with `isles kv del b1 KEY`"
        );
        assert_eq!(not_put(&bucket, refused("not so")).hint, "the cause says what it does not take");
    }
}
