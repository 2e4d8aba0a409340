//! What is told of streams.

use std::time::Duration;

use logic::{stream::Stored as _, subject::overlap};
use model::{Gather, Timestamp, streams::Storage};

use super::{
    Engine,
    api::{Reply, Served},
    kept::Kept,
};
use crate::jetstream::{
    AccountInfo, LIST_MAX, NAMES_MAX, Nanos, Paged, Response, SUBJECTS_MAX, StreamDetails, StreamDetailsRequest,
    StreamInfo, StreamState, Streams, StreamsRequest, page,
};
pub(super) use crate::jetstream::{time, timestamp};

impl Engine {
    pub(super) fn account(&self) -> AccountInfo {
        let bytes = |storage: Storage| {
            let kept = self.streams.values().filter(|kept| kept.hub.stream.config().storage == storage);
            kept.map(|kept| kept.hub.stream.counts().bytes).sum()
        };
        AccountInfo {
            memory: bytes(Storage::Memory),
            storage: bytes(Storage::File),
            streams: self.streams.len() as u64,
            consumers: self.streams.values().map(|kept| kept.members.len() as u64).sum(),
            api: self.stats.clone(),
            ..AccountInfo::default()
        }
    }

    pub(super) fn info(&self, kept: &Kept) -> StreamInfo {
        StreamInfo {
            config: kept.hub.stream.config().clone(),
            created: time(kept.created),
            state: state(kept),
            domain: String::new(),
            ts: time(self.clock.now()),
        }
    }

    pub(super) fn details(&self, name: &str, request: &StreamDetailsRequest) -> Served {
        let kept = self.find(name)?;
        let mut info = self.info(kept);
        if request.deleted_details {
            info.state.deleted = kept.heads.gaps(kept.hub.stream.counts().last_seq);
        }
        let mut paged = Paged::default();
        if !request.subjects_filter.is_empty() {
            let mut found = Vec::new();
            kept.hub.stream.index().visit(&request.subjects_filter, &mut |subject, entry| {
                found.push((subject.to_owned(), entry.messages));
                true
            });
            let (part, subjects) = page(found.into_iter(), offset(request.offset), SUBJECTS_MAX);
            (paged, info.state.subjects) = (part, subjects.into_iter().gather());
        }
        Ok(Reply::Now(Response::StreamInfo(StreamDetails { paged, info })))
    }

    pub(super) fn list_names(&self, which: &StreamsRequest) -> Response {
        let names: Vec<_> = self.chosen(which).map(|kept| kept.name.to_string()).collect();
        let (paged, streams) = page(names.into_iter(), offset(which.offset), NAMES_MAX);
        Response::StreamNames(Streams { paged, streams })
    }

    pub(super) fn list(&self, which: &StreamsRequest) -> Response {
        let kept: Vec<_> = self.chosen(which).collect();
        let (paged, kept) = page(kept.into_iter(), offset(which.offset), LIST_MAX);
        Response::StreamList(Streams { paged, streams: kept.into_iter().map(|kept| self.info(kept)).collect() })
    }

    /// By name, those with a subject that overlaps with the one that is asked for.
    fn chosen(&self, which: &StreamsRequest) -> impl Iterator<Item = &Kept> {
        let all = self.names.values().filter_map(move |id| self.streams.get(id));
        all.filter(move |kept| {
            let mut subjects = kept.hub.stream.config().subjects.iter();
            which.subject.is_empty() || subjects.any(|ours| overlap(ours.as_bytes(), which.subject.as_bytes()))
        })
    }
}

fn state(kept: &Kept) -> StreamState {
    let counts = kept.hub.stream.counts();
    let first = kept.hub.stream.first(&kept.heads);
    let first_seq = first.as_ref().map_or(counts.last_seq + 1, |head| head.seq);
    let some = |at: Option<Timestamp>| at.filter(|at| at.0 > 0).map(time);
    StreamState {
        messages: counts.messages,
        bytes: counts.bytes,
        first_seq: if counts.last_seq == 0 { 0 } else { first_seq },
        first_ts: crate::jetstream::Time(some(first.map(|head| head.at))),
        last_seq: counts.last_seq,
        last_ts: crate::jetstream::Time(some(Some(counts.last_at))),
        num_subjects: kept.hub.stream.index().subjects() as u64,
        consumer_count: kept.members.len() as u64,
        num_deleted: (counts.last_seq + 1 - first_seq).saturating_sub(kept.heads.count(None, 0)),
        ..StreamState::default()
    }
}

/// A span of time as the API writes it.
pub(super) fn nanos(time: Duration) -> Nanos {
    Nanos(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

pub(super) fn offset(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}
