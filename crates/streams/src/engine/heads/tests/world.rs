//! A stream over a disk that fails, and what its index must answer.

use std::{
    sync::{Arc, mpsc::sync_channel},
    time::Duration,
};

use fastrand::Rng;
use journal::{Batch, Durability, FaultyDisk, Journal, Options};
use logic::stream::{Expires, Head, Incoming, Outcome, Placed, Removals, Snapshot, Stored, Stream, check};
use model::{Timestamp, streams::StreamConfig};

use super::model::Model;
use crate::{
    engine::{
        FIRST_STREAM,
        answer::{Answer, Asked},
        heads::{Change, Heads, index_of},
        kept::{Description, Kept, wishes},
        record::Record,
        recover,
        writer::Writer,
    },
    server,
};

const ID: u64 = FIRST_STREAM + 7;

/// So small that all that takes megabytes happens soon.
const SMALL: Options = Options {
    log_bytes: 2 << 10,
    log_bytes_max: 8 << 10,
    move_bytes: 4 << 10,
    segment_bytes: 6 << 10,
    backlog_bytes: 1 << 20,
    reserve_bytes: 0,
    waiting_bytes: 1 << 20,
};

pub(super) struct World {
    pub(super) disk: FaultyDisk,
    pub(super) writer: Writer,
    pub(super) kept: Kept,
    pub(super) model: Model,
    pub(super) now: Timestamp,
}

impl World {
    pub(super) fn new(seed: u64, config: StreamConfig) -> Self {
        let disk = FaultyDisk::new(seed);
        let mut writer = open(&disk);
        let config = check(config).expect("it is valid");
        let now = Timestamp(1_790_000_000_000_000);
        let kept = Kept::new(ID, Description { config, created: now }, writer.shelf.clone());
        writer.create(ID, &kept.description());
        // Somebody waits for it, so it is durable.
        let (reply, asked, durability) = (Box::default(), Asked::Ack, Durability::Always);
        writer.answer(Answer { reply, body: String::new(), asked, durability });
        let mut world = Self { disk, writer, kept, model: Model::default(), now };
        world.sync();
        world
    }

    pub(super) fn publish(&mut self, subject: &str, headers: &str) {
        let headers = if headers.is_empty() { String::new() } else { format!("NATS/1.0\r\n{headers}\r\n\r\n") };
        let incoming = Incoming {
            subject: subject.into(),
            header_bytes: headers.len() as u64,
            payload_bytes: 2,
            wishes: wishes(headers.as_bytes()).expect("they are whole"),
            is_firing: false,
        };
        let outcome = self.kept.hub.stream.publish(&incoming, &|_| true, self.now, &self.kept.heads);
        if let Outcome::Stored(placed) = outcome {
            self.place(&placed, headers.as_bytes(), b"hi", false);
        }
    }

    pub(super) fn remove(&mut self, removals: &Removals) {
        self.model.remove(removals);
        self.kept.remove(removals, &mut self.writer);
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        while self.kept.hub.stream.deadline().is_some_and(|at| at <= self.now) {
            let due = self.kept.hub.stream.due(self.now, &self.kept.heads);
            self.remove(&due.removals);
            due.markers.iter().for_each(|marker| self.place(marker, b"", b"", true));
        }
    }

    fn place(&mut self, placed: &Placed, headers: &[u8], payload: &[u8], marker: bool) {
        let Placed { seq, at, bytes, expires, .. } = *placed;
        self.model.insert(Head { seq, subject: placed.subject.clone(), bytes, at, expires, marker });
        self.model.remove(&placed.removals);
        self.kept.place(placed, headers, payload, marker, &mut self.writer);
    }

    /// Waits until the journal has everything.
    pub(super) fn sync(&mut self) {
        let mut out = server::Batch::default();
        self.writer.commit(&mut out);
        while self.writer.waits() {
            std::thread::yield_now();
            self.writer.collect(&mut out);
        }
    }

    /// Opens the journal anew; whatever it has then counts.
    pub(super) fn reopen(self, power_is_lost: bool) -> Self {
        let Self { disk, writer, kept, model, now } = self;
        drop((writer, kept));
        if power_is_lost {
            disk.restart();
        }
        let writer = open(&disk);
        let kept = recover::streams(&writer.shelf, now).expect("it can be read").pop().expect("the stream is there");
        let world = Self { disk, writer, kept, model, now };
        let (found, snapshot) = world.read_all();
        let mut known = world.kept.hub.stream.snapshot();
        if found.get(known.counts.last_seq).is_none() {
            // The index may remember of the last message, which is gone, when that was.
            known.counts.last_at = snapshot.counts.last_at;
        }
        assert_eq!(known, snapshot);
        if power_is_lost {
            return Self { model: found, ..world };
        }
        assert_eq!(found, world.model);
        world
    }

    /// What all records come to, one after the other.
    fn read_all(&self) -> (Model, Snapshot) {
        let (mut model, journal) = (Model::default(), self.writer.journal());
        let mut stream = Stream::new(self.kept.hub.stream.config().clone());
        for record in journal.records(ID, 0) {
            let (seq, bytes) = record.expect("it can be read");
            let record = Record::decode(&bytes).expect("it is one");
            stream.stored(&record.head(seq), &wishes(record.headers).unwrap_or_default(), self.now);
            model.insert(record.head(seq));
        }
        let last = journal.bounds(ID).expect("it is there").last;
        if last > stream.counts().last_seq {
            let (at, expires) = (stream.counts().last_at, Expires::ByAge);
            let head = Head { seq: last, subject: "".into(), bytes: 0, at, expires, marker: false };
            stream.used(&head, &Default::default(), self.now);
        }
        stream.recovered(&model, self.now);
        (model, stream.snapshot())
    }

    /// The index answers as the model does.
    pub(super) fn compare(&self, rng: &mut Rng, subjects: &[String]) {
        let (heads, model, last) = (&self.kept.heads, &self.model, self.kept.hub.stream.counts().last_seq);
        let seq = match rng.u8(..8) {
            0 => 0,
            1 => u64::MAX,
            _ => rng.u64(..last + 3),
        };
        let subject = rng.choice(subjects).expect("there are some");
        assert_eq!(heads.get(seq), model.get(seq), "get {seq}");
        assert_eq!(heads.next(seq), model.next(seq), "next {seq}");
        assert_eq!(heads.next_of(subject, seq), model.next_of(subject, seq), "next of {subject} after {seq}");
        assert_eq!(heads.last_of(subject, seq), model.last_of(subject, seq), "last of {subject} before {seq}");
        assert_eq!(heads.count(None, seq), model.count(None, seq), "count after {seq}");
        assert_eq!(heads.count(Some(subject), seq), model.count(Some(subject), seq), "count of {subject} after {seq}");
        let at = model.next(seq / 2).map_or(self.now, |head| head.at);
        for at in [at, at + Duration::from_micros(1), Timestamp(at.0 - 1)] {
            assert_eq!(heads.since(at), model.since(at), "since {at:?}");
        }
    }

    pub(super) fn compare_all(&self, rng: &mut Rng, subjects: &[String]) {
        (0..200).for_each(|_| self.compare(rng, subjects));
        let last = self.kept.hub.stream.counts().last_seq;
        assert_eq!(self.kept.heads.gaps(last), self.model.gaps(last));
        assert_eq!(self.kept.hub.stream.counts().messages, self.model.count(None, 0));
    }

    /// One block of the index is lost.
    pub(super) fn lose_block(&mut self, rng: &mut Rng) {
        self.sync();
        let numbers: Vec<_> = self.kept.heads.numbers().collect();
        if let Some(number) = rng.choice(numbers) {
            self.writer.index(ID, vec![Change::Remove(number)]);
        }
        self.sync();
    }

    /// There is no index, as in a store of an earlier version.
    pub(super) fn lose_index(&mut self) {
        self.sync();
        let (mut batch, (done, outcome)) = (Batch::new(), sync_channel(1));
        batch.drop_stream(index_of(ID));
        self.writer
            .journal()
            .commit(batch, Durability::Always, move |result| done.send(result).expect("it is waited for"));
        outcome.recv().expect("it is answered").expect("it is written");
    }

    /// A bit flips in every segment of the index.
    pub(super) fn flip(&mut self, rng: &mut Rng) {
        self.sync();
        for name in journal::Disk::list(&self.disk).expect("it lists") {
            // The journal may have removed it meanwhile.
            let Some(mut content) = self.disk.content(&name) else { continue };
            if name.starts_with("segment-") && content[8..16] == index_of(ID).to_le_bytes() {
                let at = rng.usize(64..content.len());
                content[at] ^= 1 << rng.u8(..8);
                self.disk.put(&name, &content);
            }
        }
    }
}

fn open(disk: &FaultyDisk) -> Writer {
    Writer::new(Arc::new(Journal::open(Arc::new(disk.clone()), SMALL).expect("it opens")))
}

impl Heads {
    fn numbers(&self) -> impl Iterator<Item = u64> {
        self.sealed.iter().map(|sealed| sealed.number)
    }
}
