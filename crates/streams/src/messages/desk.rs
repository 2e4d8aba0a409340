//! Requests of the platform itself, asked as clients ask: by a message with a subject for the answer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::streams::StreamConfig;
use ports::messages::MessagesError;
use serde::Deserialize;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    jetstream::ErrorCode,
    server::{Batch, Handle, Message, Origin, Outgoing, Service},
};

/// Where answers arrive. No client may publish there.
const ANSWERS: &str = "_ISLES.";
/// The time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Those who wait, by the numbers of their requests.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<HashMap<u64, oneshot::Sender<Vec<u8>>>>>);

impl Answers {
    fn expect(&self, number: u64) -> oneshot::Receiver<Vec<u8>> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sender);
        receiver
    }

    fn take(&self, number: u64) -> Option<oneshot::Sender<Vec<u8>>> {
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
            let _ = waiting.send(message.payload.into());
        }
    }
}

/// Asks.
pub(super) struct Desk {
    handle: Handle,
    answers: Answers,
    last: AtomicU64,
}

/// What matters of an answer of the API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    error: Option<Failure>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Failure {
    err_code: u16,
    description: String,
}

impl Desk {
    pub(super) fn new(handle: Handle, answers: Answers) -> Self {
        Self { handle, answers, last: AtomicU64::new(0) }
    }

    /// Makes a stream, or changes the one that is there.
    pub(super) async fn ensure(&self, stream: &StreamConfig) -> Result<(), MessagesError> {
        let exists = ErrorCode::StreamNameExists.error().err_code;
        let made = self.ask("CREATE", stream).await?;
        let done = match made {
            Some(failure) if failure.err_code == exists => self.ask("UPDATE", stream).await?,
            made => made,
        };
        match done {
            None => Ok(()),
            Some(failure) => Err(MessagesError::Refused { stream: stream.name.clone(), cause: failure.description }),
        }
    }

    async fn ask(&self, verb: &str, stream: &StreamConfig) -> Result<Option<Failure>, MessagesError> {
        let body = serde_json::to_vec(stream).expect("it has string keys only");
        let answer = self.request(&format!("$JS.API.STREAM.{verb}.{}", stream.name), &body).await?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| MessagesError::Stopped)?;
        Ok(answer.error)
    }

    async fn request(&self, subject: &str, payload: &[u8]) -> Result<Vec<u8>, MessagesError> {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.expect(number);
        let reply = format!("{ANSWERS}{number}");
        let mut batch = Batch::default();
        let (subject, reply) = (subject.as_bytes(), Some(reply.as_bytes()));
        batch.push(&Message { subject, reply, headers: b"", payload });
        self.handle.publish(batch).await.map_err(|_| MessagesError::Stopped)?;
        let answer = timeout(PATIENCE, answer).await;
        self.answers.take(number);
        answer.map_err(|_| MessagesError::Stopped)?.map_err(|_| MessagesError::Stopped)
    }
}
