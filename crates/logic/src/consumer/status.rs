//! What a client is told instead of a message. The texts are part of the contract: clients compare them.

use std::{borrow::Cow, time::Duration};

use model::format_duration;

/// A status. [`Status::code`] and [`Status::text`] make its first line; the fields are its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing has come for a while.
    IdleHeartbeat {
        /// `Nats-Last-Consumer`.
        last_consumer: u64,
        /// `Nats-Last-Stream`.
        last_stream: u64,
        /// `Nats-Consumer-Stalled`: the flow control request that must be answered first.
        stalled: Option<u64>,
    },
    /// Push only: answer this when all before it has been taken.
    FlowControl(u64),
    /// There is nothing now.
    NoMessages,
    /// The request's time has passed.
    RequestTimeout(Left),
    /// The next message has more bytes than the request still allows.
    MaxBytes(Left),
    /// The bytes that were asked for are used up.
    BatchCompleted(Left),
    /// It was deleted.
    ConsumerDeleted,
    /// It cannot be pulled from.
    PushBased,
    /// Too many requests wait.
    MaxWaiting,
    /// More messages than one request may ask for.
    MaxRequestBatch(u64),
    /// A longer time than one request may wait.
    MaxRequestExpires(Duration),
    /// More bytes than one request may ask for.
    MaxRequestMaxBytes(u64),
    /// The server stops.
    ServerShutdown,
    /// The request contradicts itself.
    BadRequest(&'static str),
}

/// What a request did not get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// `Nats-Pending-Messages`.
    pub messages: u64,
    /// `Nats-Pending-Bytes`.
    pub bytes: u64,
}

impl Status {
    /// The number of the first line.
    pub fn code(&self) -> u16 {
        match self {
            Self::IdleHeartbeat { .. } | Self::FlowControl(_) => 100,
            Self::BadRequest(_) => 400,
            Self::NoMessages => 404,
            Self::RequestTimeout(_) => 408,
            _ => 409,
        }
    }

    /// The words of the first line.
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Self::IdleHeartbeat { .. } => "Idle Heartbeat".into(),
            Self::FlowControl(_) => "FlowControl Request".into(),
            Self::NoMessages => "No Messages".into(),
            Self::RequestTimeout(_) => "Request Timeout".into(),
            Self::MaxBytes(_) => "Message Size Exceeds MaxBytes".into(),
            Self::BatchCompleted(_) => "Batch Completed".into(),
            Self::ConsumerDeleted => "Consumer Deleted".into(),
            Self::PushBased => "Consumer is push based".into(),
            Self::MaxWaiting => "Exceeded MaxWaiting".into(),
            Self::MaxRequestBatch(max) => format!("Exceeded MaxRequestBatch of {max}").into(),
            Self::MaxRequestExpires(max) => format!("Exceeded MaxRequestExpires of {}", format_duration(*max)).into(),
            Self::MaxRequestMaxBytes(max) => format!("Exceeded MaxRequestMaxBytes of {max}").into(),
            Self::ServerShutdown => "Server Shutdown".into(),
            Self::BadRequest(why) => format!("Bad Request - {why}").into(),
        }
    }
}
