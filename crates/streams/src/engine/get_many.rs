//! Reading several messages at once (ADR-31 of NATS).

use logic::stream::{Head, Search, Stored as _, scan};

use super::{Engine, get::direct_message, info::timestamp, kept::Kept};
use crate::{
    jetstream::{BatchEnd, MessageGet, Place, Status},
    server::{Message, Outgoing},
};

/// Last messages of so many subjects are read at once.
const LASTS_MAX: usize = 1024;
/// One answer has at most so many bytes, whatever is asked for; the client sees what is left, and goes on from there.
const BYTES_MAX: u64 = 8 << 20;
/// Messages that are looked for at a time.
const STEP: usize = 256;

/// An answer of several messages, on its way.
struct Answer<'a> {
    engine: &'a Engine,
    kept: &'a Kept,
    get: &'a MessageGet,
    reply: &'a [u8],
    out: &'a mut Outgoing,
    messages_left: u64,
    bytes_left: u64,
    /// Messages that meet the request beyond those sent.
    pending: u64,
    last_seq: u64,
}

impl Engine {
    /// The next messages, or the last ones of several subjects.
    pub(super) fn direct_get_many(
        &self,
        kept: &Kept,
        get: &MessageGet,
        reply: &[u8],
        out: &mut Outgoing,
    ) -> Result<(), Status> {
        let messages_left = if get.batch > 0 { get.batch } else { u64::MAX };
        let bytes_left = if get.max_bytes > 0 { get.max_bytes.min(BYTES_MAX) } else { BYTES_MAX };
        let mut answer =
            Answer { engine: self, kept, get, reply, out, messages_left, bytes_left, pending: 0, last_seq: 0 };
        let up_to_seq =
            if get.multi_last.is_empty() { answer.send_next().map(|()| None) } else { answer.send_lasts() }?;
        let Answer { pending, last_seq, .. } = answer;
        let end = Status::EndOfBatch(BatchEnd { pending, last_seq, up_to_seq }).block();
        out.messages.push(&Message { subject: reply, reply: None, headers: end.as_bytes(), payload: b"" });
        Ok(())
    }
}

impl Answer<'_> {
    fn send_next(&mut self) -> Result<(), Status> {
        let Self { kept, get, .. } = *self;
        let from = get.start_time.map_or(Some(get.seq), |at| Some(kept.heads.since(timestamp(at))?.seq));
        let mut after = from.ok_or(Status::MessageNotFound)?.saturating_sub(1);
        let filter = Some(get.next_by_subj.as_str()).filter(|filter| !filter.is_empty());
        let filters: Vec<Box<str>> = filter.into_iter().map(Into::into).collect();
        let (index, last) = (kept.hub.stream.index(), kept.hub.stream.counts().last_seq);
        self.pending = index.pending(&filters, after, &kept.heads);
        if self.pending == 0 {
            return Err(Status::MessageNotFound);
        }
        while after < last && self.has_room() {
            let mut found = Vec::new();
            let limit = usize::try_from(self.messages_left).unwrap_or(STEP).min(STEP);
            let search = Search { filters: &filters, after, limit, pending: self.pending };
            after = scan(search, last, index, &kept.heads, &mut found);
            found.iter().for_each(|head| self.send(head));
        }
        Ok(())
    }

    /// Returns the sequence up to which last messages count.
    fn send_lasts(&mut self) -> Result<Option<u64>, Status> {
        let Self { kept, get, .. } = *self;
        let last = kept.hub.stream.counts().last_seq;
        let until = get.up_to_time.and_then(|at| kept.heads.since(timestamp(at))).map(|head| head.seq - 1);
        let up_to = until.or(Some(get.up_to_seq).filter(|seq| *seq > 0)).unwrap_or(last).min(last);
        let (mut lasts, mut is_complete) = (Vec::new(), true);
        kept.hub.stream.index().visit_all(&get.multi_last, &mut |subject, _| {
            lasts.extend(kept.heads.last_of(subject, up_to + 1).filter(|head| head.seq >= get.seq));
            is_complete = lasts.len() <= LASTS_MAX;
            is_complete
        });
        if !is_complete {
            return Err(Status::TooManyResults);
        }
        if lasts.is_empty() {
            return Err(Status::NoResults);
        }
        lasts.sort_unstable_by_key(|head| head.seq);
        self.pending = lasts.len() as u64;
        lasts.iter().for_each(|head| self.send(head));
        Ok(Some(up_to))
    }

    fn has_room(&self) -> bool {
        self.messages_left > 0 && self.bytes_left > 0
    }

    /// Sends a message, if there is room for it. The first one is sent whatever its size.
    fn send(&mut self, head: &Head) {
        if !self.has_room() || (self.last_seq > 0 && head.bytes > self.bytes_left) {
            self.bytes_left = 0;
            return;
        }
        self.pending = self.pending.saturating_sub(1);
        let place = Some(Place { pending: self.pending, last_seq: self.last_seq });
        let sent = direct_message(&self.engine.writer, self.kept, head.seq, self.get.no_hdr, place);
        if let Ok((headers, payload)) = sent {
            let headers = headers.as_bytes();
            self.out.messages.push(&Message { subject: self.reply, reply: None, headers, payload: &payload });
        }
        self.messages_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(head.bytes);
        self.last_seq = head.seq;
    }
}
