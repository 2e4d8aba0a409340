//! Consumers as somebody sees them who is none.

use model::streams::{ConsumerConfig, DeliverPolicy, Retention, is_name};
use ports::streams::{ConsumerState, Start, StreamsError};
use serde_json::{Value, json};

use super::{
    Client,
    answer::{self, Done},
    streams::{check_stream, stream_of},
};
use crate::{
    engine::{Rewound, Wish},
    jetstream::{ConsumerInfo, Consumers, timestamp},
};

impl Client {
    pub(super) async fn list_consumers(&self, stream: &str) -> Result<Vec<ConsumerState>, StreamsError> {
        check_stream(stream)?;
        let (endpoint, mut found) = (format!("CONSUMER.LIST.{stream}"), Vec::new());
        loop {
            let body = json!({"offset": found.len()});
            let page: Consumers<ConsumerInfo> = self.api(&endpoint, &body, "tell of", &stream_of(stream)).await?;
            let is_last = page.consumers.is_empty() || found.len() + page.consumers.len() >= page.paged.total;
            found.extend(page.consumers.into_iter().map(state));
            if is_last {
                found.sort_by(|one, other| one.name.cmp(&other.name));
                return Ok(found);
            }
        }
    }

    pub(super) async fn rewind_consumer(&self, stream: &str, name: &str, start: Start) -> Result<u64, StreamsError> {
        consumer_of(stream, name)?;
        let wish = Wish::Rewind { stream: stream.into(), consumer: name.into(), start };
        match self.link.ask_inside(wish).await? {
            Some(answer) => answer::granted(&answer, "rewind").map(|rewound: Rewound| rewound.pending),
            None => self.remake_consumer(stream, name, start).await,
        }
    }

    pub(super) async fn delete_consumer(&self, stream: &str, name: &str) -> Result<(), StreamsError> {
        let what = consumer_of(stream, name)?;
        self.api::<Done>(&format!("CONSUMER.DELETE.{stream}.{name}"), &Value::Null, "delete", &what).await.map(drop)
    }

    /// The consumer is made anew under its name: JetStream has nothing else for this that every server knows.
    async fn remake_consumer(&self, stream: &str, name: &str, start: Start) -> Result<u64, StreamsError> {
        let what = consumer_of(stream, name)?;
        let retention = self.stream(stream).await?.config.retention;
        if retention != Retention::Limits {
            let cause =
                "a NATS server makes the consumer anew for it, and of this stream what it waits for would go".into();
            return Err(StreamsError::Refused { doing: format!("cannot rewind {what}"), cause });
        }
        let endpoint = format!("CONSUMER.INFO.{stream}.{name}");
        let info: ConsumerInfo = self.api(&endpoint, &Value::Null, "rewind", &what).await?;
        self.delete_consumer(stream, name).await?;
        let made = self.make_consumer(stream, name, from(&info.config, start)).await;
        if made.is_err() {
            let before = from(&info.config, Start::Sequence(info.ack_floor.stream_seq + 1));
            self.make_consumer(stream, name, before).await?;
        }
        made
    }

    async fn make_consumer(&self, stream: &str, name: &str, config: ConsumerConfig) -> Result<u64, StreamsError> {
        let body = json!({"stream_name": stream, "config": config});
        let verb = if config.is_durable() { "CONSUMER.DURABLE.CREATE" } else { "CONSUMER.CREATE" };
        let endpoint = format!("{verb}.{stream}.{name}");
        let made = self.api(&endpoint, &body, "make", &consumer_of(stream, name)?).await;
        made.map(|info: ConsumerInfo| info.num_pending)
    }
}

pub(super) fn consumer_of(stream: &str, name: &str) -> Result<String, StreamsError> {
    check_stream(stream)?;
    let what = format!("consumer `{name}` of {}", stream_of(stream));
    if is_name(name) {
        Ok(what)
    } else {
        Err(StreamsError::Invalid(format!("`{name}` cannot be the name of a consumer")))
    }
}

fn from(config: &ConsumerConfig, start: Start) -> ConsumerConfig {
    let (deliver_policy, opt_start_seq, opt_start_time) = match start {
        Start::Sequence(seq) => (DeliverPolicy::ByStartSequence, seq.max(1), None),
        Start::Time(at) => (DeliverPolicy::ByStartTime, 0, Some(at)),
        Start::New => (DeliverPolicy::New, 0, None),
    };
    ConsumerConfig { deliver_policy, opt_start_seq, opt_start_time, ..config.clone() }
}

fn state(info: ConsumerInfo) -> ConsumerState {
    ConsumerState {
        name: info.name,
        config: info.config,
        created: timestamp(info.created),
        delivered: info.delivered.stream_seq,
        acknowledged: info.ack_floor.stream_seq,
        pending: info.num_pending,
        ack_pending: info.num_ack_pending,
        redelivered: info.num_redelivered,
        waiting: info.num_waiting,
        is_paused: info.paused,
        is_bound: info.push_bound,
    }
}
