//! A hub with clients.

use std::{io::IoSlice, sync::Arc, time::Duration};

use ::model::Timestamp;

use crate::server::{
    Config, Identity, Service,
    hub::{Closing, Hub, SLICES_MAX},
};

/// A client that says no more than it is asked.
pub(super) const PLAIN: &str =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n";

pub(super) struct Rig {
    pub(super) hub: Hub,
    pub(super) now: Timestamp,
    left: Vec<Vec<u8>>,
}

impl Rig {
    pub(super) fn new(config: Config) -> Self {
        Self::with_services(config, Vec::new())
    }

    pub(super) fn with_services(config: Config, services: Vec<Box<dyn Service>>) -> Self {
        let now = Timestamp(0);
        Self { hub: Hub::new(config, services, 1, now), now, left: Vec::new() }
    }

    /// A client that has not said anything, with its `INFO`.
    pub(super) fn stranger(&mut self) -> (u32, String) {
        let key = self.hub.open(None, None, false, self.now);
        (key, self.hear(key))
    }

    /// A client that said this.
    pub(super) fn client(&mut self, says: &str) -> u32 {
        let (key, _) = self.stranger();
        self.say(key, says.as_bytes());
        key
    }

    /// A client that is known to be somebody.
    pub(super) fn known(&mut self, identity: Identity) -> u32 {
        let key = self.hub.open(None, Some(Arc::new(identity)), false, self.now);
        self.hear(key);
        self.say(key, PLAIN.as_bytes());
        key
    }

    pub(super) fn say(&mut self, key: u32, bytes: &[u8]) {
        self.left.resize(self.left.len().max(key as usize + 1), Vec::new());
        let left = &mut self.left[key as usize];
        left.extend_from_slice(bytes);
        let received = self.hub.receive(key, left, self.now);
        left.drain(..received.consumed);
    }

    /// What a client has been told since it was last asked.
    pub(super) fn hear(&mut self, key: u32) -> String {
        String::from_utf8(self.hear_bytes(key)).unwrap()
    }

    pub(super) fn hear_bytes(&mut self, key: u32) -> Vec<u8> {
        let mut heard = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.hub.pending(key, &mut slices);
            let bytes = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<_>>();
            if bytes.is_empty() {
                return heard;
            }
            // Not all of it at once: a socket does not take it all either.
            let written = bytes.len().div_ceil(2);
            heard.extend_from_slice(&bytes[..written]);
            self.hub.written(key, written);
        }
    }

    pub(super) fn closing(&self, key: u32) -> Option<Closing> {
        self.hub.closing(key)
    }

    /// The client goes by itself.
    pub(super) fn leave(&mut self, key: u32) {
        self.hub.close(key);
        self.left[key as usize].clear();
    }

    /// Lets the time pass, and does for a client what comes due.
    pub(super) fn pass(&mut self, key: u32, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.hub.deadline(key, Duration::from_secs(2)).filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.hub.tick(key, self.now);
            if self.closing(key).is_some() {
                break;
            }
        }
        self.now = end;
    }
}
