//! The arguments of `topic` and `kv`.

use clap::{Args, Subcommand};
use model::{
    BucketName, TopicName,
    api::{DeadLetterId, Start, WhichDead},
};

/// A command about topics.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TopicVerb {
    /// List the topics
    Ls,
    /// Show a topic and its consumers
    Info {
        /// The topic
        topic: TopicName,
    },
    /// Publish a message
    Pub(PubArgs),
    /// Show messages as they are published
    Tail(TailArgs),
    /// Give a consumer messages again; nothing is published, and other consumers get nothing
    Replay(ReplayArgs),
    /// Take messages away for good: no consumer gets them any more
    Rm(RmArgs),
    /// The consumers of a topic, which `isles topic info` shows
    Consumer {
        /// The command
        #[command(subcommand)]
        verb: ConsumerVerb,
    },
    /// Messages that consumers gave up: not acknowledged however often they got them, or terminated
    Dead {
        /// The command
        #[command(subcommand)]
        verb: DeadVerb,
    },
}

/// The arguments of `topic pub`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PubArgs {
    /// The topic
    pub topic: TopicName,
    /// What the message says; - reads it from standard input
    pub payload: String,
    /// A header field, such as 'trace: 7'
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    pub headers: Vec<(String, String)>,
    /// An id: another message with the same one is not kept within the topic's duplicate window
    #[arg(long)]
    pub id: Option<String>,
}

/// The arguments of `topic tail`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct TailArgs {
    /// The topic
    pub topic: TopicName,
    /// From which message on: a sequence, first, last, new, a time such as 2026-11-26T08:00:00Z, or how long ago, such as 10m
    /// [default: new, or first with --once]
    #[arg(long, value_name = "START")]
    pub from: Option<Start>,
    /// End after so many messages
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after those that are there
    #[arg(long)]
    pub once: bool,
    /// Show header fields too
    #[arg(long)]
    pub headers: bool,
}

/// The arguments of `topic replay`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ReplayArgs {
    /// The topic
    pub topic: TopicName,
    /// The consumer, as `isles topic info` shows it
    #[arg(value_parser = parse_consumer)]
    pub consumer: String,
    /// From which message on: a sequence, first, last, new, a time such as 2026-11-26T08:00:00Z, or how long ago, such as 10m
    #[arg(long, value_name = "START")]
    pub from: Start,
}

/// The arguments of `topic rm`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RmArgs {
    /// The topic
    pub topic: TopicName,
    /// Which messages, by their sequences
    #[arg(required = true, value_name = "SEQUENCE")]
    pub sequences: Vec<u64>,
}

/// A command about consumers.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConsumerVerb {
    /// Take a consumer away that nobody uses; its dead letters stay
    Rm {
        /// The topic
        topic: TopicName,
        /// The consumer, as `isles topic info` shows it
        #[arg(value_parser = parse_consumer)]
        consumer: String,
    },
}

/// A command about dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum DeadVerb {
    /// List dead letters
    Ls {
        /// The topic [default: all]
        topic: Option<TopicName>,
        /// Only those of this consumer
        #[arg(long, value_parser = parse_consumer)]
        consumer: Option<String>,
        /// At most so many of a topic
        #[arg(short = 'n', long, value_name = "N", default_value_t = 1000)]
        count: u32,
    },
    /// Publish dead letters again, for every consumer of the topic, and take them from the list
    Replay(DeadArgs),
    /// Take dead letters away for good
    Rm(DeadArgs),
}

/// The arguments of `topic dead replay` and `topic dead rm`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DeadArgs {
    /// The topic
    pub topic: TopicName,
    /// Which, such as mailer/3
    #[arg(required_unless_present_any = ["all", "consumer"])]
    pub ids: Vec<DeadLetterId>,
    /// All those of this consumer
    #[arg(long, conflicts_with_all = ["ids", "all"], value_parser = parse_consumer)]
    pub consumer: Option<String>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
}

impl DeadArgs {
    /// As the API is asked.
    pub fn which(&self) -> WhichDead {
        let ids = Some(self.ids.clone()).filter(|ids| !ids.is_empty());
        WhichDead { ids, consumer: self.consumer.clone() }
    }
}

/// A command about buckets.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum KvVerb {
    /// List the buckets, or the keys of one
    Ls {
        /// The bucket
        bucket: Option<BucketName>,
        /// Only these keys, such as 'users.*' or 'users.>'
        keys: Option<String>,
    },
    /// Write the value of a key to standard output, as it is
    Get {
        /// The bucket
        bucket: BucketName,
        /// The key
        key: String,
    },
    /// Write a key
    Put(PutArgs),
    /// Delete a key
    Del {
        /// The bucket
        bucket: BucketName,
        /// The key
        key: String,
    },
    /// Show what is kept of a key's past
    History {
        /// The bucket
        bucket: BucketName,
        /// The key
        key: String,
    },
    /// Show the entries, and every change
    Watch {
        /// The bucket
        bucket: BucketName,
        /// Only these keys, such as 'users.*' or 'users.>'
        keys: Option<String>,
    },
}

/// The arguments of `kv put`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PutArgs {
    /// The bucket
    pub bucket: BucketName,
    /// The key
    pub key: String,
    /// The value; - reads it from standard input
    pub value: String,
    /// Only if the key is at this revision; 0: only if it has no value
    #[arg(long, value_name = "N")]
    pub revision: Option<u64>,
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE, such as 'trace: 7'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn parse_consumer(text: &str) -> Result<String, String> {
    let is_name = model::streams::is_name(text);
    if is_name { Ok(text.into()) } else { Err("no consumer has such a name: see `isles topic info TOPIC`".into()) }
}
