//! Requests that wait for messages.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use model::{
    Timestamp,
    streams::{ConsumerConfig, limit},
};

use super::{Left, Pull, Status};

/// A request that waits.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: u64,
    client: u64,
    pub(super) no_wait: bool,
    pub(super) delivered: u64,
    left: u64,
    bytes: Option<u64>,
    expires: Option<Timestamp>,
    heartbeat: Option<Duration>,
    /// When something was sent last.
    sent_at: Timestamp,
}

/// A request that gets a message.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) id: u64,
    pub(super) client: u64,
    /// Whether it ends so, without a status.
    pub(super) is_last: bool,
    /// The status that it ends with.
    pub(super) status: Option<Status>,
}

impl Request {
    fn new(pull: &Pull, now: Timestamp) -> Self {
        Self {
            id: pull.id,
            client: pull.client,
            no_wait: pull.no_wait,
            delivered: 0,
            left: pull.batch.max(1),
            bytes: pull.max_bytes,
            expires: pull.expires.map(|wait| now + wait),
            heartbeat: pull.heartbeat,
            sent_at: now,
        }
    }

    /// It, as if it were asked for now.
    fn as_pull(&self, now: Timestamp) -> Pull {
        Pull {
            id: self.id,
            client: self.client,
            batch: self.left,
            max_bytes: self.bytes,
            expires: self.expires.map(|at| at.since(now)),
            no_wait: self.no_wait,
            heartbeat: self.heartbeat,
        }
    }

    fn left(&self) -> Left {
        Left { messages: self.left, bytes: self.bytes.unwrap_or(0) }
    }

    fn deadline(&self) -> Option<Timestamp> {
        [self.expires, self.heartbeat.map(|pause| self.sent_at + pause)].into_iter().flatten().min()
    }

    /// Whether it ends when there is nothing now: one that may wait ends so only after it got something.
    fn ends_empty(&self) -> bool {
        self.no_wait && (self.expires.is_none() || self.delivered > 0)
    }
}

/// The requests of a consumer, at most `max_waiting`, each served in turn.
#[derive(Debug, Default)]
pub(super) struct Requests {
    queue: VecDeque<Request>,
    timers: BTreeSet<(Timestamp, u64)>,
    /// Those that end when there is nothing now.
    no_wait: usize,
}

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn iter(&self, now: Timestamp) -> impl Iterator<Item = Pull> {
        self.queue.iter().map(move |request| request.as_pull(now))
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes a request, or says why not; `Err(None)` says nothing, so that a client with a heartbeat does not ask at once again.
    pub(super) fn add(&mut self, pull: &Pull, config: &ConsumerConfig, now: Timestamp) -> Result<(), Option<Status>> {
        if let Some(max) = limit(config.max_batch).filter(|max| pull.batch > *max) {
            return Err(Some(Status::MaxRequestBatch(max)));
        }
        let longest = Some(config.max_expires).filter(|longest| !longest.is_zero());
        if let Some(max) = longest.filter(|max| pull.expires.is_some_and(|expires| expires > *max)) {
            return Err(Some(Status::MaxRequestExpires(max)));
        }
        if let Some(max) = limit(config.max_bytes).filter(|max| pull.max_bytes.is_some_and(|bytes| bytes > *max)) {
            return Err(Some(Status::MaxRequestMaxBytes(max)));
        }
        if pull.heartbeat.is_some_and(|pause| pull.expires.is_none_or(|expires| pause * 2 > expires)) {
            return Err(Some(Status::BadRequest("heartbeat value too large")));
        }
        if limit(config.max_waiting).is_some_and(|max| self.queue.len() as u64 >= max) {
            return Err(pull.heartbeat.is_none().then_some(Status::MaxWaiting));
        }
        let request = Request::new(pull, now);
        self.no_wait += usize::from(request.no_wait);
        self.timers.extend(request.deadline().map(|at| (at, request.id)));
        self.queue.push_back(request);
        Ok(())
    }

    /// Gives a message of so many bytes to the request in front, which then stands behind the others.
    ///
    /// # Errors
    /// When the message does not fit: the request ends so, without it.
    pub(super) fn serve(&mut self, bytes: u64, now: Timestamp) -> Result<Served, (u64, Status)> {
        let Some(mut request) = self.queue.pop_front() else { return Ok(Served::default()) };
        if request.bytes.is_some_and(|left| left < bytes) {
            self.forget(&request);
            return Err((request.id, Status::MaxBytes(request.left())));
        }
        self.forget(&request);
        request.left -= 1;
        request.delivered += 1;
        request.bytes = request.bytes.map(|left| left - bytes);
        request.sent_at = now;
        let (id, client) = (request.id, request.client);
        if request.left > 0 && request.bytes != Some(0) {
            self.no_wait += usize::from(request.no_wait);
            self.timers.extend(request.deadline().map(|at| (at, id)));
            self.queue.push_back(request);
            return Ok(Served { id, client, is_last: false, status: None });
        }
        let status = (request.left > 0).then(|| Status::BatchCompleted(request.left()));
        Ok(Served { id, client, is_last: status.is_none(), status })
    }

    fn forget(&mut self, request: &Request) {
        self.no_wait -= usize::from(request.no_wait);
        if let Some(at) = request.deadline() {
            self.timers.remove(&(at, request.id));
        }
    }

    /// Ends the requests that do not wait, when there is nothing now.
    pub(super) fn end_empty(&mut self) -> Vec<u64> {
        if self.no_wait == 0 {
            return Vec::new();
        }
        let ended: Vec<u64> =
            self.queue.iter().filter(|request| request.ends_empty()).map(|request| request.id).collect();
        ended.iter().for_each(|id| self.remove(*id));
        ended
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some(at) = self.queue.iter().position(|request| request.id == id)
            && let Some(request) = self.queue.remove(at)
        {
            self.forget(&request);
        }
    }

    /// A request whose time has passed with what it did not get, or one that nothing came for (`None`).
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(u64, Option<Left>)> {
        let (at, id) = *self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&(at, id));
        let request = self.queue.iter_mut().find(|request| request.id == id)?;
        if request.expires.is_some_and(|expires| expires <= now) {
            let left = request.left();
            self.remove(id);
            return Some((id, Some(left)));
        }
        request.sent_at = now;
        let next = request.deadline().map(|at| (at, id));
        self.timers.extend(next);
        Some((id, None))
    }

    /// All of them, which end.
    pub(super) fn drain(&mut self) -> Vec<u64> {
        (self.no_wait, self.timers) = (0, BTreeSet::new());
        self.queue.drain(..).map(|request| request.id).collect()
    }
}
