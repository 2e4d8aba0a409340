//! The smaller bodies of requests, by the names of the protocol.

use jiff::Timestamp;
use serde::Deserialize;

use super::{ApiError, ErrorCode, Status, Time, is_default};

/// Which streams to tell of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StreamsRequest {
    /// How many to leave out at the beginning; less than none is none.
    pub offset: i64,
    /// Only streams whose subjects overlap with this one.
    pub subject: String,
}

/// Which consumers to tell of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ConsumersRequest {
    pub(crate) offset: i64,
}

/// What to tell of a stream besides the usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StreamDetailsRequest {
    /// How many subjects to leave out at the beginning.
    pub offset: i64,
    /// The sequences that have no message.
    pub deleted_details: bool,
    /// The subjects that this one matches, with how many messages each has.
    pub subjects_filter: String,
}

/// Which messages to take away; all of them if nothing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Purge {
    /// Those before this sequence.
    pub seq: u64,
    /// Those of matching subjects.
    pub filter: String,
    /// All but the last so many.
    pub keep: u64,
}

impl Purge {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        if self.seq > 0 && self.keep > 0 {
            return Err(ErrorCode::BadRequest.error());
        }
        Ok(())
    }
}

/// Which message to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MessageDelete {
    /// Its sequence.
    pub seq: u64,
    /// Not to overwrite its bytes.
    pub no_erase: bool,
}

/// Which message, or which messages, to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct MessageGet {
    pub seq: u64,
    pub last_by_subj: String,
    pub next_by_subj: String,
    pub batch: u64,
    pub max_bytes: u64,
    pub start_time: Option<Timestamp>,
    pub multi_last: Vec<String>,
    pub up_to_seq: u64,
    pub up_to_time: Option<Timestamp>,
    pub no_hdr: bool,
}

impl MessageGet {
    /// The read of one message through the API: by sequence, by time, the last of a subject, or the next of one.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let has_condition = self.has_start() || !self.last_by_subj.is_empty() || !self.next_by_subj.is_empty();
        if self.batch > 0 || self.max_bytes > 0 || !has_condition || self.contradicts_itself() {
            return Err(ErrorCode::BadRequest.error());
        }
        Ok(())
    }

    /// The direct read, which may ask for several messages.
    pub(crate) fn check_direct(&self) -> Result<(), Status> {
        let is_by_subject = !self.last_by_subj.is_empty() || !self.next_by_subj.is_empty();
        if !self.has_start() && !is_by_subject && self.multi_last.is_empty() {
            return Err(Status::EmptyRequest);
        }
        let is_last = !self.last_by_subj.is_empty();
        let several = !self.multi_last.is_empty();
        let excluded = [
            is_last && (self.batch > 0 || several),
            several && !self.next_by_subj.is_empty(),
            self.up_to_seq > 0 && self.up_to_time.is_some(),
        ];
        if self.contradicts_itself() || excluded.contains(&true) {
            return Err(Status::BadRequest);
        }
        Ok(())
    }

    /// The direct read of the last message of the subject that the request's own subject names.
    pub(crate) fn last(self, subject: &str) -> Result<Self, Status> {
        let Self { max_bytes, no_hdr, .. } = self;
        let allowed = Self { max_bytes, no_hdr, ..Self::default() };
        if subject.is_empty() || !is_default(&Self { max_bytes: 0, no_hdr: false, ..self }) {
            return Err(Status::BadRequest);
        }
        Ok(Self { last_by_subj: subject.into(), ..allowed })
    }

    fn has_start(&self) -> bool {
        self.seq > 0 || self.start_time.is_some()
    }

    fn contradicts_itself(&self) -> bool {
        let is_last = !self.last_by_subj.is_empty();
        self.seq > 0 && self.start_time.is_some() || is_last && (self.has_start() || !self.next_by_subj.is_empty())
    }
}

/// Until when to pause; a time that has passed, or none, resumes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct PauseRequest {
    pub(crate) pause_until: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(json: &str) -> MessageGet {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn reads_of_one_message() {
        for (json, is_good) in [
            (r#"{"seq":1}"#, true),
            (r#"{"last_by_subj":"a"}"#, true),
            (r#"{"next_by_subj":"a"}"#, true),
            (r#"{"seq":5,"next_by_subj":"a","no_hdr":true}"#, true),
            (r#"{"start_time":"2026-01-02T03:04:05Z"}"#, true),
            ("{}", false),
            (r#"{"no_hdr":true}"#, false),
            (r#"{"seq":1,"batch":2}"#, false),
            (r#"{"seq":1,"max_bytes":2}"#, false),
            (r#"{"seq":1,"last_by_subj":"a"}"#, false),
            (r#"{"seq":1,"start_time":"2026-01-02T03:04:05Z"}"#, false),
            (r#"{"last_by_subj":"a","start_time":"2026-01-02T03:04:05Z"}"#, false),
            (r#"{"last_by_subj":"a","next_by_subj":"a"}"#, false),
        ] {
            let found = get(json).check().map_err(|error| error.err_code);
            assert_eq!(found, if is_good { Ok(()) } else { Err(10003) }, "{json}");
        }
    }

    #[test]
    fn direct_reads() {
        for (json, expected) in [
            (r#"{"seq":1}"#, Ok(())),
            (r#"{"seq":1,"batch":10,"max_bytes":1024}"#, Ok(())),
            (r#"{"next_by_subj":"a.>","batch":10}"#, Ok(())),
            (r#"{"multi_last":["a.>","b"],"up_to_seq":9}"#, Ok(())),
            (r#"{"start_time":"2026-01-02T03:04:05Z","batch":2}"#, Ok(())),
            ("{}", Err(Status::EmptyRequest)),
            (r#"{"batch":10}"#, Err(Status::EmptyRequest)),
            (r#"{"last_by_subj":"a","batch":2}"#, Err(Status::BadRequest)),
            (r#"{"last_by_subj":"a","multi_last":["b"]}"#, Err(Status::BadRequest)),
            (r#"{"next_by_subj":"a","multi_last":["b"]}"#, Err(Status::BadRequest)),
            (r#"{"seq":1,"last_by_subj":"a"}"#, Err(Status::BadRequest)),
            (r#"{"seq":1,"up_to_seq":2,"up_to_time":"2026-01-02T03:04:05Z"}"#, Err(Status::BadRequest)),
        ] {
            assert_eq!(get(json).check_direct(), expected, "{json}");
        }
    }

    #[test]
    fn direct_reads_of_the_last_message() {
        let last = |json: &str| get(json).last("a").map(|get| (get.last_by_subj, get.no_hdr));
        assert_eq!(last("{}"), Ok(("a".into(), false)));
        assert_eq!(last(r#"{"no_hdr":true,"max_bytes":9}"#), Ok(("a".into(), true)));
        for json in [r#"{"seq":1}"#, r#"{"batch":1}"#, r#"{"last_by_subj":"a"}"#, r#"{"multi_last":["a"]}"#] {
            assert_eq!(last(json), Err(Status::BadRequest), "{json}");
        }
    }

    #[test]
    fn purges() {
        for (json, is_good) in [
            ("{}", true),
            (r#"{"seq":7,"filter":"a.>"}"#, true),
            (r#"{"keep":7,"filter":"a.>"}"#, true),
            (r#"{"seq":7,"keep":1}"#, false),
        ] {
            let purge: Purge = serde_json::from_str(json).unwrap();
            assert_eq!(purge.check().is_ok(), is_good, "{json}");
        }
    }
}
