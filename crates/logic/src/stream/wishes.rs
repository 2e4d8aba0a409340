//! What a publisher asks for in the headers of a message.

use std::time::Duration;

use model::{Timestamp, parse_duration, streams::ApiError};

/// The headers of a message that mean something to a stream, as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `Nats-Msg-Id`.
    pub id: Option<Box<str>>,
    /// `Nats-Expected-Stream`.
    pub expected_stream: Option<Box<str>>,
    /// `Nats-Expected-Last-Sequence`.
    pub expected_last: Option<Box<str>>,
    /// `Nats-Expected-Last-Subject-Sequence`.
    pub expected_subject_last: Option<Box<str>>,
    /// `Nats-Expected-Last-Subject-Sequence-Subject`.
    pub expected_subject: Option<Box<str>>,
    /// `Nats-Expected-Last-Msg-Id`.
    pub expected_last_id: Option<Box<str>>,
    /// `Nats-Rollup`.
    pub rollup: Option<Box<str>>,
    /// `Nats-TTL`.
    pub ttl: Option<Box<str>>,
    /// `Nats-Marker-Reason`, which the server alone sets.
    pub marker: bool,
    /// `Nats-Incr`: it adds to a counter.
    pub counter: bool,
    /// What is asked for more seldom.
    pub schedule: Option<Box<ScheduleWish>>,
    /// `Nats-Batch-*`.
    pub batch: Option<Box<BatchWish>>,
}

/// The headers of a schedule, and those of what it publishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleWish {
    /// `Nats-Schedule`.
    pub pattern: Option<Box<str>>,
    /// `Nats-Schedule-Target`.
    pub target: Option<Box<str>>,
    /// `Nats-Schedule-Source`.
    pub source: Option<Box<str>>,
    /// `Nats-Schedule-TTL`.
    pub ttl: Option<Box<str>>,
    /// `Nats-Schedule-Rollup`.
    pub rollup: Option<Box<str>>,
    /// `Nats-Schedule-Time-Zone`.
    pub zone: Option<Box<str>>,
    /// `Nats-Schedule-Next`.
    pub next: Option<Box<str>>,
    /// `Nats-Scheduler`.
    pub scheduler: Option<Box<str>>,
}

/// The headers of a message in an atomic batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchWish {
    /// `Nats-Batch-Id`.
    pub id: Box<str>,
    /// `Nats-Batch-Sequence`.
    pub sequence: Option<Box<str>>,
    /// `Nats-Batch-Commit`.
    pub commit: Option<Box<str>>,
}

impl Wishes {
    /// Reads the headers of a message. A name counts with its case; of several values the first.
    pub fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut wishes = Self::default();
        for (name, value) in headers {
            if let Some(name) = name.strip_prefix("Nats-") {
                wishes.set(name, value);
            }
        }
        wishes
    }

    fn set(&mut self, name: &str, value: &str) {
        let place = match name {
            "Msg-Id" => &mut self.id,
            "Expected-Stream" => &mut self.expected_stream,
            "Expected-Last-Sequence" => &mut self.expected_last,
            "Expected-Last-Subject-Sequence" => &mut self.expected_subject_last,
            "Expected-Last-Subject-Sequence-Subject" => &mut self.expected_subject,
            "Expected-Last-Msg-Id" => &mut self.expected_last_id,
            "Rollup" => &mut self.rollup,
            "TTL" => &mut self.ttl,
            "Marker-Reason" => return self.marker = true,
            "Incr" => return self.counter = true,
            _ if name.starts_with("Batch-") => return self.set_batch(name, value),
            _ if name.starts_with("Schedule") => return self.schedule.get_or_insert_default().set(name, value),
            _ => return,
        };
        place.get_or_insert_with(|| value.into());
    }

    fn set_batch(&mut self, name: &str, value: &str) {
        let batch = self.batch.get_or_insert_default();
        match name {
            "Batch-Id" => batch.id = value.into(),
            "Batch-Sequence" => batch.sequence = Some(value.into()),
            "Batch-Commit" => batch.commit = Some(value.into()),
            _ => {}
        }
    }
}

impl ScheduleWish {
    fn set(&mut self, name: &str, value: &str) {
        let place = match name {
            "Schedule" => &mut self.pattern,
            "Schedule-Target" => &mut self.target,
            "Schedule-Source" => &mut self.source,
            "Schedule-TTL" => &mut self.ttl,
            "Schedule-Rollup" => &mut self.rollup,
            "Schedule-Time-Zone" => &mut self.zone,
            "Schedule-Next" => &mut self.next,
            "Scheduler" => &mut self.scheduler,
            _ => return,
        };
        place.get_or_insert_with(|| value.into());
    }
}

/// How long a message lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ttl {
    /// As long as the stream allows.
    Default,
    /// For ever.
    Never,
    /// So long, in whole seconds.
    For(Duration),
}

/// Reads `never`, whole seconds, or a duration of at least a second (ADR-43).
///
/// # Errors
/// [`ApiError::TtlInvalid`] for anything else.
pub(super) fn parse_ttl(text: &str) -> Result<Ttl, ApiError> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(Ttl::Never);
    }
    let seconds = match text.parse::<u64>() {
        Ok(0) => return Ok(Ttl::Default),
        Ok(seconds) => seconds,
        Err(_) => parse_duration(text).map_err(|_| ApiError::TtlInvalid)?.as_secs(),
    };
    if seconds == 0 { Err(ApiError::TtlInvalid) } else { Ok(Ttl::For(Duration::from_secs(seconds))) }
}

/// When a schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Once, then.
    At(Timestamp),
    /// Again and again after so long.
    Every(Duration),
}

impl Pattern {
    /// Reads `@at 2026-11-26T05:27:38Z` and `@every 5m` (ADR-51). Its cron expressions are not supported.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(moment) = text.strip_prefix("@at ") {
            return Timestamp::from_rfc3339(moment).map(Self::At);
        }
        let every = parse_duration(text.strip_prefix("@every ")?).ok()?;
        (every >= Duration::from_secs(1)).then_some(Self::Every(every))
    }

    /// When a schedule that was stored or has fired at `at` fires next. What would have fired several times while nobody
    /// ran fires once.
    pub(super) fn first(self, at: Timestamp, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Every(every) if at + every < now => now + every,
            Self::Every(every) => at + every,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_knows() {
        let wishes = Wishes::read([
            ("Nats-Msg-Id", "7"),
            ("Nats-Msg-Id", "8"),
            ("nats-rollup", "sub"),
            ("Nats-Batch-Id", "b"),
            ("Nats-Batch-Commit", "1"),
            ("Nats-Schedule", "@every 1s"),
            ("Nats-Scheduler", "s"),
            ("Nats-Unknown", "x"),
        ]);
        let expected = Wishes {
            id: Some("7".into()),
            batch: Some(Box::new(BatchWish { id: "b".into(), sequence: None, commit: Some("1".into()) })),
            schedule: Some(Box::new(ScheduleWish {
                pattern: Some("@every 1s".into()),
                scheduler: Some("s".into()),
                ..ScheduleWish::default()
            })),
            ..Wishes::default()
        };
        assert_eq!(wishes, expected);
    }

    #[test]
    fn lifetimes() {
        let seconds = |seconds| Ok(Ttl::For(Duration::from_secs(seconds)));
        for (text, expected) in [
            ("never", Ok(Ttl::Never)),
            ("0", Ok(Ttl::Default)),
            ("5", seconds(5)),
            ("1h30m", seconds(5_400)),
            ("1.9s", seconds(1)),
            ("900ms", Err(ApiError::TtlInvalid)),
            ("-1", Err(ApiError::TtlInvalid)),
            ("soon", Err(ApiError::TtlInvalid)),
        ] {
            assert_eq!(parse_ttl(text), expected, "{text}");
        }
    }

    #[test]
    fn patterns() {
        let (at, now) = (Timestamp(1_000_000), Timestamp(9_000_000));
        for (text, first) in [
            ("@at 1970-01-01T00:00:07Z", Some(7_000_000)),
            ("@every 10s", Some(11_000_000)),
            ("@every 2s", Some(11_000_000)),
            ("@every 100ms", None),
            ("@at noon", None),
            ("0 0 * * * *", None),
            ("@hourly", None),
        ] {
            assert_eq!(Pattern::parse(text).map(|p| p.first(at, now).0), first, "{text}");
        }
    }
}
