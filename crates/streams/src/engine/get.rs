//! Reading single messages.

use bytes::Bytes;
use logic::{
    stream::{Head, Search, Stored as _, scan},
    subject::is_subject,
};

use super::{
    Engine,
    api::{Reply, Served, nobody},
    info::{time, timestamp},
    kept::Kept,
    record::Record,
    writer::Writer,
};
use crate::{
    jetstream::{ErrorCode, MessageGet, Place, Response, Status, Stored, StoredMessage},
    server::{Message, Outgoing},
};

impl Engine {
    pub(super) fn get(&self, name: &str, get: &MessageGet) -> Served {
        let kept = self.find(name)?;
        let seq = find(kept, get).ok_or_else(|| ErrorCode::NoMessageFound.error())?;
        let read = self.writer.read(kept.id, seq);
        let bytes = read.map_err(|error| ErrorCode::StreamGeneral.because(error.to_string()))?;
        let record = bytes.as_deref().and_then(Record::decode).ok_or_else(|| ErrorCode::NoMessageFound.error())?;
        let message = StoredMessage {
            subject: record.subject.into(),
            seq,
            hdrs: if get.no_hdr { Vec::new() } else { record.headers.into() },
            data: record.payload.into(),
            time: time(record.at).into(),
        };
        Ok(Reply::Now(Response::MessageGet { message }))
    }

    /// For a stream that does not allow it, nobody answers.
    pub(super) fn direct_get(
        &self,
        name: &str,
        get: &MessageGet,
        reply: &[u8],
        out: &mut Outgoing,
    ) -> Result<(), Status> {
        let Some(kept) = self.find(name).ok().filter(|kept| kept.hub.stream.config().allow_direct) else {
            nobody(reply, out);
            return Ok(());
        };
        if reply.is_empty() {
            return Ok(());
        }
        if get.batch > 0 || !get.multi_last.is_empty() {
            return self.direct_get_many(kept, get, reply, out);
        }
        let seq = find(kept, get).ok_or(Status::MessageNotFound)?;
        let (headers, payload) = direct_message(&self.writer, kept, seq, get.no_hdr, None)?;
        let (headers, payload) = (headers.as_bytes(), &*payload);
        out.messages.push(&Message { subject: reply, reply: None, headers, payload });
        Ok(())
    }
}

/// A message as a direct get answers it: headers and payload.
pub(super) fn direct_message(
    writer: &Writer,
    kept: &Kept,
    seq: u64,
    no_hdr: bool,
    place: Option<Place>,
) -> Result<(String, Bytes), Status> {
    let bytes = writer.read(kept.id, seq).ok().flatten().ok_or(Status::MessageNotFound)?;
    let record = Record::decode(&bytes).ok_or(Status::MessageNotFound)?;
    let headers = if no_hdr { "" } else { str::from_utf8(record.headers).unwrap_or_default() };
    let stored = Stored { stream: &kept.name, subject: record.subject, seq, time: time(record.at), headers };
    Ok((stored.block(place), bytes.slice_ref(record.payload)))
}

/// The message that is asked for: the last of a subject, the next of one, one by its sequence, or the first from a time on.
fn find(kept: &Kept, get: &MessageGet) -> Option<u64> {
    if !get.last_by_subj.is_empty() {
        return last(kept, &get.last_by_subj);
    }
    let from = match get.start_time {
        Some(at) => kept.heads.since(timestamp(at))?.seq,
        None => get.seq,
    };
    let found = match (get.next_by_subj.is_empty(), get.start_time) {
        (false, _) => next(kept, &get.next_by_subj, from.saturating_sub(1)),
        (true, Some(_)) => kept.heads.next(from - 1),
        (true, None) => kept.heads.get(from),
    };
    found.map(|head| head.seq)
}

fn last(kept: &Kept, filter: &str) -> Option<u64> {
    if is_subject(filter.as_bytes()) {
        return kept.hub.stream.index().get(filter).map(|entry| entry.last);
    }
    let mut last = None;
    kept.hub.stream.index().visit(filter, &mut |_, entry| {
        last = last.max(Some(entry.last));
        true
    });
    last
}

fn next(kept: &Kept, filter: &str, mut after: u64) -> Option<Head> {
    if is_subject(filter.as_bytes()) {
        return kept.heads.next_of(filter, after);
    }
    let filters: [Box<str>; 1] = [filter.into()];
    let (index, last) = (kept.hub.stream.index(), kept.hub.stream.counts().last_seq);
    let pending = index.pending(&filters, after, &kept.heads);
    let mut found = Vec::new();
    while found.is_empty() && after < last {
        after = scan(Search { filters: &filters, after, limit: 1, pending }, last, index, &kept.heads, &mut found);
    }
    found.into_iter().next()
}
