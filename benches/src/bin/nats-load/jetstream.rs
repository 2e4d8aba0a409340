//! JetStream: publishing, fetching, reading.

use std::collections::VecDeque;

use anyhow::{Context as _, ensure};
use model::Timestamp;

use crate::{
    client::{Client, INBOX},
    tally::{Tally, Until},
};

/// A subject, or many below it that take turns.
pub(crate) struct Subjects {
    all: Vec<String>,
    is_scattered: bool,
}

impl Subjects {
    pub(crate) fn new(subject: &str, count: u64) -> Self {
        let all = |count| (0..count).map(|i| format!("{subject}.{i}")).collect();
        Self { all: if count > 1 { all(count) } else { vec![subject.into()] }, is_scattered: false }
    }

    /// As if at random, and the same each time.
    pub(crate) fn scattered(self) -> Self {
        Self { is_scattered: true, ..self }
    }

    fn get(&self, turn: u64) -> &str {
        let turn = if self.is_scattered { turn.wrapping_mul(6_364_136_223_846_793_005) >> 33 } else { turn };
        &self.all[usize::try_from(turn % self.all.len() as u64).unwrap_or_default()]
    }
}

/// Publishes, with so many not acknowledged yet.
pub(crate) fn publish(
    address: &str,
    subjects: &Subjects,
    bytes: usize,
    in_flight: usize,
    until: Until,
) -> anyhow::Result<Tally> {
    let mut client = Client::connect(address)?;
    let (payload, reply) = (vec![b'x'; bytes], format!("{INBOX}.0"));
    let mut waiting: VecDeque<Timestamp> = VecDeque::with_capacity(in_flight);
    let (mut tally, mut begun) = (Tally::begin(until), 0);
    loop {
        while waiting.len() < in_flight && !tally.is_over(begun) {
            client.publish(subjects.get(begun), &reply, &payload);
            waiting.push_back(tally.now());
            begun += 1;
        }
        client.flush()?;
        if waiting.is_empty() {
            return Ok(tally.end());
        }
        loop {
            client.read()?;
            let answer = client.message.payload();
            ensure!(
                answer.windows(6).any(|part| part == b"\"seq\":"),
                "not acknowledged: {}",
                String::from_utf8_lossy(&client.message.bytes)
            );
            let began = waiting.pop_front().context("acknowledged more than was published")?;
            tally.done(began);
            if waiting.is_empty() || !client.has_more() {
                break;
            }
        }
    }
}

/// Fetches messages in batches with a new durable consumer, and acknowledges each.
pub(crate) fn pull(address: &str, stream: &str, consumer: &str, batch: u64, count: u64) -> anyhow::Result<Tally> {
    let mut client = Client::connect(address)?;
    let config = format!(
        "{{\"stream_name\":\"{stream}\",\"config\":{{\"durable_name\":\"{consumer}\",\"ack_policy\":\"explicit\",\"max_ack_pending\":100000}}}}"
    );
    client.api(&format!("CONSUMER.DURABLE.CREATE.{stream}.{consumer}"), &config)?;
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
    let ask = format!("{{\"batch\":{batch},\"expires\":20000000000}}");
    let mut tally = Tally::begin(Until::Count(count));
    while tally.count < count {
        client.publish(&next, &format!("{INBOX}.0"), ask.as_bytes());
        client.flush()?;
        for _ in 0..batch.min(count - tally.count) {
            client.read()?;
            ensure!(client.message.status().is_none(), "{:?} instead of a message", client.message.status());
            let reply = std::mem::take(&mut client.message.reply);
            client.publish(&reply, "", b"+ACK");
            tally.count += 1;
        }
        client.flush()?;
    }
    Ok(tally.end())
}

/// Reads the last message of one subject after the other.
pub(crate) fn get(address: &str, stream: &str, subjects: &Subjects, until: Until) -> anyhow::Result<Tally> {
    let mut client = Client::connect(address)?;
    let reply = format!("{INBOX}.0");
    let mut tally = Tally::begin(until);
    while !tally.is_over(tally.count) {
        let subject = subjects.get(tally.count);
        let began = tally.now();
        client.publish(&format!("$JS.API.DIRECT.GET.{stream}.{subject}"), &reply, b"");
        client.flush()?;
        client.read()?;
        ensure!(client.message.status().is_none(), "{subject}: {:?}", client.message.status());
        tally.done(began);
    }
    Ok(tally.end())
}

/// Makes durable consumers, each with a filter of its own.
pub(crate) fn consumers(address: &str, stream: &str, subjects: &Subjects, count: u64) -> anyhow::Result<Tally> {
    let mut client = Client::connect(address)?;
    let mut tally = Tally::begin(Until::Count(count));
    for turn in 0..count {
        let (name, subject) = (format!("c{turn}"), subjects.get(turn));
        let config = format!(
            "{{\"stream_name\":\"{stream}\",\"config\":{{\"durable_name\":\"{name}\",\"ack_policy\":\"explicit\",\"filter_subject\":\"{subject}\"}}}}"
        );
        client.api(&format!("CONSUMER.CREATE.{stream}.{name}.{subject}"), &config)?;
        tally.count += 1;
    }
    Ok(tally.end())
}
