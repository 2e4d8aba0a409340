//! Requests of the platform itself, asked as clients ask: by a message with a subject for the answer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use ports::streams::{Capabilities, Durability, Headers, StreamsError};
use tokio::{sync::oneshot, time::timeout};
use wire::nats::HeaderBlock;

use crate::{
    client::{Link, block},
    server::{Batch, Handle, Message, Origin, Outgoing, Service},
};

/// Where answers arrive. No client may publish there.
const ANSWERS: &str = "_ISLES.";
/// The time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that a message has beside its subject, as for clients.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// What the engine of this process can do.
const CAPABILITIES: Capabilities = Capabilities {
    durability: Durability::Synced,
    atomic_across_streams: false,
    ttl: true,
    schedule: true,
    redelivery: true,
};

/// An answer; `None` if nobody takes the subject.
type Answer = Option<Vec<u8>>;

/// Those who wait, by the numbers of their requests.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>);

impl Answers {
    fn expect(&self, number: u64) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sender);
        receiver
    }

    fn take(&self, number: u64) -> Option<oneshot::Sender<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }
}

impl Service for Answers {
    fn start(&mut self, out: &mut Outgoing) {
        out.subscribe(format!("{ANSWERS}>").as_bytes());
    }

    fn message(&mut self, message: &Message<'_>, _: Option<&Origin>, _: &mut Outgoing) {
        let number = str::from_utf8(message.subject).ok().and_then(|text| text.strip_prefix(ANSWERS)?.parse().ok());
        if let Some(waiting) = number.and_then(|number| self.take(number)) {
            let status = HeaderBlock::parse(message.headers).ok().and_then(|block| block.status());
            let is_nobody = matches!(status, Some((503, _)));
            let _ = waiting.send((!is_nobody).then(|| message.payload.into()));
        }
    }
}

/// Asks.
pub(super) struct Desk {
    handle: Handle,
    answers: Answers,
    last: AtomicU64,
}

impl Desk {
    pub(super) fn new(handle: Handle, answers: Answers) -> Self {
        Self { handle, answers, last: AtomicU64::new(0) }
    }
}

#[async_trait]
impl Link for Desk {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn request(&self, subject: &str, headers: &Headers, payload: Vec<u8>) -> Result<Answer, StreamsError> {
        let headers = block(headers);
        if headers.len() + payload.len() > MESSAGE_BYTES_MAX {
            return Err(StreamsError::Invalid(format!("a message has at most {MESSAGE_BYTES_MAX} bytes")));
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.expect(number);
        let reply = format!("{ANSWERS}{number}");
        let mut batch = Batch::default();
        let (subject, reply) = (subject.as_bytes(), Some(reply.as_bytes()));
        batch.push(&Message { subject, reply, headers: &headers, payload: &payload });
        let stopped = || StreamsError::Unreachable("the server of messages has stopped".into());
        self.handle.publish(batch).await.map_err(|_| stopped())?;
        let answer = timeout(PATIENCE, answer).await;
        self.answers.take(number);
        let silent = |_| StreamsError::Unreachable("the server of messages does not answer".into());
        answer.map_err(silent)?.map_err(|_| stopped())
    }
}
