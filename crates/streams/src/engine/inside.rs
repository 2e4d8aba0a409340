//! What the platform itself asks of the streams, beyond what clients may ask. It comes through a queue and not as messages, which
//! clients could send as well; the answers are messages.

use journal::Durability;
use ports::streams::Start;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    Atomic, Engine,
    answer::{Answer, Asked, push},
};
use crate::{jetstream::ApiError, server::Outgoing};

/// Wishes that wait at most; who has another one waits.
const WAITING_MAX: usize = 1024;

/// Something that is asked for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// To store and delete messages, all or none of them. Answered with [`super::Written`].
    Write(Atomic),
    /// To let a consumer of a stream go on somewhere else. Answered with [`super::Rewound`].
    Rewind { stream: String, consumer: String, start: Start },
}

/// Asks the engine, which sees it when the server lets its services settle.
#[derive(Debug, Clone)]
pub(crate) struct Inside(mpsc::Sender<Asking>);

/// What is asked, for the engine.
pub(super) type Wishes = mpsc::Receiver<Asking>;

/// A wish and the subject of its answer.
type Asking = (Box<[u8]>, Wish);

pub(super) fn channel() -> (Inside, Wishes) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Inside(sender), receiver)
}

impl Inside {
    /// Says whether there is still somebody who hears it.
    pub(crate) async fn ask(&self, reply: &str, wish: Wish) -> bool {
        self.0.send((reply.as_bytes().into(), wish)).await.is_ok()
    }
}

/// Why a wish is not granted, and what of it that concerns, such as ``stream `s` ``: the body of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) error: ApiError,
    pub(crate) what: String,
}

impl Refused {
    pub(super) fn body(&self) -> String {
        json(self)
    }
}

impl Engine {
    /// Grants what is asked for.
    pub(super) fn serve_inside(&mut self, out: &mut Outgoing) {
        for _ in 0..WAITING_MAX {
            let Ok((reply, wish)) = self.wishes.try_recv() else { return };
            let granted = match &wish {
                Wish::Write(atomic) => self.write_all(&reply, atomic),
                Wish::Rewind { stream, consumer, start } => self.rewind(&reply, (stream, consumer), *start),
            };
            granted.unwrap_or_else(|refused| push(&reply, &refused.body(), &mut out.messages));
        }
    }

    /// Answers once all that was written is as durable as it says.
    pub(super) fn grant(&mut self, reply: &[u8], answer: &impl Serialize, what: &str, durability: Durability) {
        let (reply, asked) = (reply.into(), Asked::Inside(what.into()));
        self.writer.answer(Answer { reply, body: json(answer), asked, durability });
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("these values have string keys only")
}
