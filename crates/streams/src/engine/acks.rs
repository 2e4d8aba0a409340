//! What clients send back to consumers: acknowledgements, and answers to flow control.

use std::time::Duration;

use logic::consumer::{self, Event};

use super::{
    Engine,
    clients::Clients,
    requests::{Request, pull},
};
use crate::{
    jetstream::{Ack, AckSubject, Next, Status},
    server::{Message, Origin, Outgoing},
};

/// An acknowledgement that is a request itself gets one answer, so one number is enough.
const ANSWER: u64 = 0;

impl Engine {
    /// An acknowledgement. What is none, or of nobody, changes nothing.
    pub(super) fn acknowledge(
        &mut self,
        subject: &str,
        message: &Message<'_>,
        from: Option<&Origin>,
        out: &mut Outgoing,
    ) {
        if self.check_sound().is_err() {
            // What was acknowledged is about to be read anew: it will be delivered again.
            return;
        }
        let Some(AckSubject { delivery, .. }) = AckSubject::parse(subject) else { return };
        if !self.is_own(delivery.stream, delivery.consumer, from) {
            return out.deny();
        }
        let Ok((stream, consumer)) = self.find_consumer(delivery.stream, delivery.consumer) else { return };
        let Some(ack) = Ack::parse(message.payload) else { return };
        let (seq, client) = (delivery.stream_seq, Clients::number(from));
        let (ack, answer) = match ack {
            Ack::DoneAndNext(_) if !self.clients.ask(client, stream, consumer) => (consumer::Ack::Done, None),
            Ack::DoneAndNext(next) => (self.ask_again((stream, consumer), next, message.reply, client, out), None),
            Ack::Done => (consumer::Ack::Done, message.reply),
            Ack::Again(delay) => (consumer::Ack::Nak(delay.map(|delay| positive(delay.0))), message.reply),
            Ack::InProgress => (consumer::Ack::Progress, message.reply),
            Ack::Never(reason) => (consumer::Ack::Term(reason.map(Into::into)), message.reply),
        };
        let event = Event::Ack { seq, ack, answer: answer.map(|_| ANSWER) };
        self.handle_for(stream, consumer, event, answer);
    }

    /// The request that comes with an acknowledgement.
    fn ask_again(
        &mut self,
        (stream, consumer): (u64, u64),
        next: Result<Next, Status>,
        inbox: Option<&[u8]>,
        client: u64,
        out: &mut Outgoing,
    ) -> consumer::Ack {
        let Some(inbox) = inbox else { return consumer::Ack::Done };
        match next {
            Ok(next) => {
                let pull = pull(self.requests.next_id(), client, &next);
                self.remember(pull.id, Request { inbox: inbox.into(), stream, consumer, client });
                consumer::Ack::Next(pull)
            }
            Err(status) => {
                let headers = status.block();
                let headers = headers.as_bytes();
                out.messages.push(&Message { subject: inbox, reply: None, headers, payload: b"" });
                consumer::Ack::Done
            }
        }
    }

    /// An answer to a flow control request: `$JS.FC.STREAM.CONSUMER.NUMBER`.
    pub(super) fn flow(&mut self, subject: &str, from: Option<&Origin>, out: &mut Outgoing) {
        let mut tokens = subject.split('.').skip(2);
        let (Some(stream), Some(consumer), Some(id)) = (tokens.next(), tokens.next(), tokens.next()) else { return };
        if !self.is_own(stream, consumer, from) {
            return out.deny();
        }
        let Ok((stream, consumer)) = self.find_consumer(stream, consumer) else { return };
        if let Ok(id) = id.parse() {
            self.handle(stream, consumer, Event::FlowReply(id));
        }
    }
}

fn positive(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
