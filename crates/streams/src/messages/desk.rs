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

use super::running::{Running, Starter};
use crate::{
    client::{Link, block},
    engine::{Atomic, Wish},
    server::{Batch, Message, Origin, Outgoing, PAYLOAD_BYTES_MAX, Service},
};

/// Where answers arrive. No client may publish there.
const ANSWERS: &str = "_ISLES.";
/// The time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the engine of this process can do.
const CAPABILITIES: Capabilities = Capabilities {
    durability: Durability::Synced,
    atomic_across_streams: true,
    ttl: true,
    schedule: true,
    redelivery: true,
    rewind: true,
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

/// Asks the server, which starts if it does not run.
pub(super) struct Desk {
    starter: Arc<Starter>,
    last: AtomicU64,
}

impl Desk {
    pub(super) fn new(starter: Arc<Starter>) -> Self {
        Self { starter, last: AtomicU64::new(0) }
    }

    /// Sends something with a subject for its answer, which is waited for.
    async fn ask(
        &self,
        running: &Running,
        send: impl AsyncFnOnce(String) -> Option<()>,
    ) -> Result<Answer, StreamsError> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let answer = running.answers.expect(number);
        let stopped = || StreamsError::Unreachable("the server of messages has stopped".into());
        let silent = |_| StreamsError::Unreachable("the server of messages does not answer".into());
        let answer = match send(format!("{ANSWERS}{number}")).await {
            Some(()) => timeout(PATIENCE, answer).await.map_err(silent),
            None => Err(stopped()),
        };
        running.answers.take(number);
        answer?.map_err(|_| stopped())
    }
}

#[async_trait]
impl Link for Desk {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn request(&self, subject: &str, headers: &Headers, payload: Vec<u8>) -> Result<Answer, StreamsError> {
        let headers = block(headers);
        check_size(&headers, &payload)?;
        let subject = subject.as_bytes();
        let running = self.starter.running().await?;
        let send = async |reply: String| {
            let (mut batch, reply) = (Batch::default(), Some(reply.as_bytes()));
            batch.push(&Message { subject, reply, headers: &headers, payload: &payload });
            running.handle.publish(batch).await.ok()
        };
        self.ask(running, send).await
    }

    async fn ask_inside(&self, wish: Wish) -> Result<Option<Vec<u8>>, StreamsError> {
        if let Wish::Write(Atomic { messages, .. }) = &wish {
            messages.iter().try_for_each(|message| check_size(&message.headers, &message.payload))?;
        }
        let running = self.starter.running().await?;
        let send = async |reply: String| {
            let is_heard = running.inside.ask(&reply, wish).await;
            running.handle.settle().await.ok().filter(|()| is_heard)
        };
        self.ask(running, send).await
    }
}

fn check_size(headers: &[u8], payload: &[u8]) -> Result<(), StreamsError> {
    if headers.len() + payload.len() <= PAYLOAD_BYTES_MAX {
        return Ok(());
    }
    Err(StreamsError::Invalid(format!("a message has at most {PAYLOAD_BYTES_MAX} bytes")))
}
