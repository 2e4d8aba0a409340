//! Load on a NATS server, one thing at a time, by the plainest client that can make it. Prints one line: what was counted, in how many
//! seconds, and where each is waited for, the median and the 99th percentile in microseconds.
//!
//! ```text
//! nats-load publish ADDRESS SUBJECT COUNT-OF-SUBJECTS BYTES IN-FLIGHT SECONDS|COUNT   acknowledged by JetStream
//! nats-load core ADDRESS BYTES SECONDS                                              one publisher, one subscriber
//! nats-load pull ADDRESS STREAM CONSUMER BATCH COUNT                                fetched and acknowledged
//! nats-load get ADDRESS STREAM SUBJECT COUNT-OF-SUBJECTS SECONDS                    the last message of a subject
//! nats-load consumers ADDRESS STREAM SUBJECT COUNT                                  durable ones, each with a filter
//! nats-load request ADDRESS SUBJECT BODY                                            prints the answer instead
//! nats-load disk FOLDER BYTES SECONDS                                               one fdatasync after the other
//! nats-load echo SECONDS                                                            there and back over the loopback
//! ```
//!
//! A count of seconds ends in `s`. With more than one subject, `.0`, `.1` and so on are appended to it in turn,
//! or as if at random where a `~` stands before the count.

mod client;
mod core;
mod host;
mod jetstream;
mod tally;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let tally = match words[..] {
        ["publish", address, subject, subjects, bytes, in_flight, until] => {
            let (count, is_scattered) = subjects.strip_prefix('~').map_or((subjects, false), |count| (count, true));
            let in_turn = jetstream::Subjects::new(subject, count.parse()?);
            let subjects = if is_scattered { in_turn.scattered() } else { in_turn };
            jetstream::publish(address, &subjects, bytes.parse()?, in_flight.parse()?, until.parse()?)?
        }
        ["core", address, bytes, until] => core::run(address, bytes.parse()?, until.parse()?)?,
        ["pull", address, stream, consumer, batch, count] => {
            jetstream::pull(address, stream, consumer, batch.parse()?, count.parse()?)?
        }
        ["get", address, stream, subject, subjects, until] => jetstream::get(
            address,
            stream,
            &jetstream::Subjects::new(subject, subjects.parse()?).scattered(),
            until.parse()?,
        )?,
        ["consumers", address, stream, subject, count] => {
            let count = count.parse()?;
            jetstream::consumers(address, stream, &jetstream::Subjects::new(subject, count), count)?
        }
        ["request", address, subject, body] => {
            println!("{}", client::Client::connect(address)?.request(subject, body)?);
            return Ok(());
        }
        ["disk", folder, bytes, until] => host::disk(folder.as_ref(), bytes.parse()?, until.parse()?)?,
        ["echo", until] => host::echo(until.parse()?)?,
        _ => bail!("usage: see the head of {}", file!()),
    };
    println!("{tally}");
    Ok(())
}
