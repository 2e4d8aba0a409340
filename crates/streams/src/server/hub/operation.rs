//! What clients ask for.

use std::mem::take;

use model::Timestamp;
use wire::nats::{ClientOp, OK, PONG, ParseError, Parsed, parse_client};

use super::{Closing, Hub, client::Recent, connect::Options, errors};

/// What became of the bytes of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    /// So many from the beginning are done with.
    pub(crate) consumed: usize,
    /// The rest is of use only once it has so many bytes.
    pub(crate) needed: usize,
}

impl Hub {
    /// A client sent this; it begins with what was not consumed before.
    pub(crate) fn receive(&mut self, key: u32, input: &[u8], now: Timestamp) -> Received {
        self.parties.now = now;
        let Some(client) = self.client_mut(key) else { return Received { consumed: input.len(), needed: 0 } };
        client.times.heard = now;
        let mut recent = take(&mut client.recent);
        let mut received = Received { consumed: 0, needed: 1 };
        while self.closing(key).is_none() {
            match parse_client(&input[received.consumed..], &self.limits) {
                Ok(Parsed::Whole { op, length }) => {
                    received.consumed += length;
                    self.operate(key, op, &mut recent);
                }
                Ok(Parsed::Partial { needed }) => {
                    received.needed = needed;
                    break;
                }
                Err(error) => self.refuse(key, error),
            }
        }
        if let Some(client) = self.client_mut(key) {
            client.recent = recent;
        }
        self.settle();
        self.hold(key, now);
        received
    }

    /// A client has sent all that it will.
    pub(crate) fn received_all(&mut self, key: u32) {
        self.parties.close(key, Closing::Gone);
    }

    fn operate(&mut self, key: u32, op: ClientOp<'_>, recent: &mut Recent) {
        if !self.client(key).is_some_and(|client| client.admitted) && !matches!(op, ClientOp::Connect(_)) {
            return self.parties.refuse(key, errors::AUTHORIZATION);
        }
        match op {
            ClientOp::Publish(message) => self.publish(key, message, recent),
            ClientOp::Subscribe(subscribe) => self.subscribe(key, subscribe),
            ClientOp::Unsubscribe { sid, max } => self.unsubscribe(key, sid, max),
            ClientOp::Connect(json) => self.connect(key, json, recent),
            ClientOp::Ping => self.parties.write(key, |out| out.extend_from_slice(PONG)),
            ClientOp::Pong => self.client_mut(key).into_iter().for_each(|client| client.pings_out = 0),
        }
    }

    fn connect(&mut self, key: u32, json: &[u8], recent: &mut Recent) {
        let options = self.client(key).and_then(|client| client.options.parse(json));
        let Some(options) = options else { return self.parties.refuse(key, errors::PARSER) };
        if options.no_responders && !options.headers {
            return self.parties.refuse(key, errors::NO_RESPONDERS);
        }
        let Some(client) = self.parties.clients.get_mut(key as usize) else { return };
        if !client.known {
            let identity = self.config.auth.identify(&options.user, &options.pass, &options.auth_token);
            let Some(identity) = identity else { return self.parties.refuse(key, errors::AUTHORIZATION) };
            client.limited = identity.is_limited();
            client.origin.identity = identity;
            // What was decided for another identity counts no longer.
            *recent = Recent::default();
        }
        (client.admitted, client.has_spoken) = (true, true);
        let secretless = Options { pass: String::new(), auth_token: String::new(), ..options };
        client.options = secretless;
        self.confirm(key);
    }

    fn refuse(&mut self, key: u32, error: ParseError) {
        let text = match error {
            ParseError::UnknownOperation => errors::UNKNOWN_OPERATION,
            ParseError::Malformed(_) => errors::PARSER,
            ParseError::LineTooLong => errors::LINE_TOO_LONG,
            ParseError::PayloadTooLarge => errors::PAYLOAD,
        };
        let is_stranger = !self.client(key).is_some_and(|client| client.admitted);
        self.parties.refuse(key, if is_stranger { errors::AUTHORIZATION } else { text });
    }

    /// Says `+OK` where that is asked for.
    pub(super) fn confirm(&mut self, key: u32) {
        if self.client(key).is_some_and(|client| client.options.verbose) {
            self.parties.write(key, |out| out.extend_from_slice(OK));
        }
    }
}
