//! A stream with its storage and its clock, spoken to in short texts.

use std::time::Duration;

use model::{Timestamp, streams::StreamConfig};

use super::fake::Fake;
use crate::stream::{Due, Incoming, Outcome, Placed, Purge, Removals, Snapshot, Stored, Stream, Wishes, check};

pub(crate) struct World {
    pub(crate) stream: Stream,
    pub(crate) stored: Fake,
    pub(crate) now: Timestamp,
    pub(crate) interest: bool,
}

/// `Name: value; Name: value`, each after `Nats-`.
pub(crate) fn incoming(subject: &str, headers: &str, payload_bytes: u64) -> Incoming {
    let named: Vec<_> = headers
        .split("; ")
        .filter_map(|header| header.split_once(": "))
        .map(|(name, value)| (format!("Nats-{name}"), value))
        .collect();
    let wishes = Wishes::read(named.iter().map(|(name, value)| (name.as_str(), *value)));
    let header_bytes = headers.len() as u64;
    Incoming { subject: subject.into(), header_bytes, payload_bytes, wishes, is_firing: false }
}

impl World {
    pub(crate) fn new(config: StreamConfig) -> Self {
        let name = if config.name.is_empty() { "S".to_owned() } else { config.name.clone() };
        let config = check(StreamConfig { name, ..config }).unwrap();
        Self {
            stream: Stream::new(config),
            stored: Fake::default(),
            now: Timestamp(1_790_000_000_000_000),
            interest: true,
        }
    }

    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }

    pub(crate) fn publish(&mut self, subject: &str, headers: &str) -> String {
        self.tell(&incoming(subject, headers, 10))
    }

    /// `3`, `3 -1 -2` (what went), `3 -all`, `duplicate 1`, `staged`, `4 5 commit`, `10071`.
    pub(crate) fn tell(&mut self, incoming: &Incoming) -> String {
        let interest = self.interest;
        match self.stream.publish(incoming, &|_| interest, self.now, &self.stored) {
            Outcome::Stored(placed) => self.place(&placed),
            Outcome::Duplicate(seq) => format!("duplicate {seq}"),
            Outcome::Staged => "staged".into(),
            Outcome::Committed(all) => {
                let told: Vec<_> = all.iter().map(|placed| self.place(placed)).collect();
                format!("{} commit", told.join(" "))
            }
            Outcome::Refused(error) => error.err_code().to_string(),
        }
    }

    fn place(&mut self, placed: &Placed) -> String {
        self.stored.place(placed);
        let kept = if placed.kept { "" } else { " not kept" };
        format!("{}{}{kept}", placed.seq, gone(&placed.removals))
    }

    pub(crate) fn delete(&mut self, seq: u64) -> String {
        match self.stream.delete(seq, &self.stored) {
            Ok(removals) => self.remove(&removals),
            Err(error) => error.err_code().to_string(),
        }
    }

    pub(crate) fn purge(&mut self, purge: &Purge) -> String {
        match self.stream.purge(purge, &self.stored) {
            Ok(purged) => format!("{}{}", purged.count, self.remove(&purged.removals)),
            Err(error) => error.err_code().to_string(),
        }
    }

    pub(crate) fn remove(&mut self, removals: &Removals) -> String {
        self.stored.remove(removals);
        gone(removals)
    }

    /// The stream is read again from storage at another time; these messages ask for something.
    pub(crate) fn restart(&mut self, now: Timestamp, asked: &[(u64, &str)]) {
        let Snapshot { counts, subjects, .. } = self.stream.snapshot();
        let snapshot = Snapshot { counts, subjects, ..Snapshot::default() };
        (self.now, self.stream) = (now, Stream::restore(self.stream.config().clone(), snapshot));
        for (seq, headers) in asked {
            self.stream.recall(&self.stored.0[seq], &incoming("", headers, 0).wishes, now);
        }
        self.stream.recovered(&self.stored, now);
    }

    pub(crate) fn due(&mut self) -> Due {
        let due = self.stream.due(self.now, &self.stored);
        self.stored.remove(&due.removals);
        due.markers.iter().for_each(|marker| self.stored.place_marker(marker));
        due
    }

    /// Sequences that are left.
    pub(crate) fn left(&self) -> Vec<u64> {
        self.stored.0.keys().copied().collect()
    }

    /// What the machine believes is what storage has.
    pub(crate) fn agree(&self, context: &str) {
        let counts = self.stream.counts();
        let heads: Vec<_> = self.stored.0.values().collect();
        assert_eq!(counts.messages, heads.len() as u64, "{context}: messages");
        assert_eq!(counts.bytes, heads.iter().map(|head| head.bytes).sum::<u64>(), "{context}: bytes");
        let first = self.stream.first(&self.stored).map(|head| head.seq);
        assert_eq!(first, heads.first().map(|head| head.seq), "{context}: first");
        assert!(counts.first_seq <= first.unwrap_or(counts.last_seq + 1), "{context}: no message is earlier");
        let mut subjects = 0;
        for (subject, entry) in self.stream.index().iter() {
            subjects += 1;
            let seqs: Vec<_> = heads.iter().filter(|head| &*head.subject == subject).map(|head| head.seq).collect();
            assert_eq!(entry.messages, seqs.len() as u64, "{context}: {subject}");
            assert_eq!(Some(entry.last), seqs.last().copied(), "{context}: {subject}");
            assert!(entry.first <= seqs[0], "{context}: {subject}");
        }
        assert_eq!(self.stream.index().subjects(), subjects);
        assert_eq!(self.stored.count(None, 0), counts.messages);
    }
}

fn gone(removals: &Removals) -> String {
    let all = if removals.before.is_some() { " -all" } else { "" };
    let each = removals.each.iter().map(|removed| format!(" -{}", removed.seq));
    std::iter::once(all.to_owned()).chain(each).collect()
}
