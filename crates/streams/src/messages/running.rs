//! The server's thread and its streams, which cost nothing until somebody needs them.

use std::{
    io,
    sync::{Arc, Weak},
};

use ports::{clock::Clock, streams::StreamsError};
use tokio::sync::OnceCell;

use super::desk::Answers;
use crate::{
    Buckets,
    engine::{self, Courier, Engine, Inside, OpenError},
    server::{self, Config, Handle, Listeners},
};

/// Why the server of messages does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node's journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] StreamsError),
    /// The streams in it cannot be read.
    #[error("the streams of topics and buckets cannot be read: {0}")]
    Streams(#[from] OpenError),
    /// The host gives no thread.
    #[error("the server of messages cannot be started: {0}")]
    Host(#[from] io::Error),
}

impl From<StartError> for StreamsError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Journal(error) => error,
            error => Self::Unreachable(error.to_string()),
        }
    }
}

/// The server, once it runs.
pub(super) struct Running {
    pub(super) handle: Handle,
    pub(super) inside: Inside,
    pub(super) answers: Answers,
}

/// What it takes to start it.
pub(super) struct Starter {
    /// Whoever lets go of the journal, so that another process can have it, wants nothing started in it any more.
    buckets: Weak<Buckets>,
    server_name: String,
    clock: Arc<dyn Clock>,
    /// Chooses members of queue groups.
    seed: u64,
    running: OnceCell<Running>,
}

impl Starter {
    pub(super) fn new(buckets: &Arc<Buckets>, server_name: String, clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self { buckets: Arc::downgrade(buckets), server_name, clock, seed, running: OnceCell::new() }
    }

    /// The server, if it was needed before.
    pub(super) fn started(&self) -> Option<&Running> {
        self.running.get()
    }

    /// The server, which runs from now on. What fails is tried again for whoever needs it next.
    pub(super) async fn running(&self) -> Result<&Running, StartError> {
        self.running.get_or_try_init(|| self.start()).await
    }

    async fn start(&self) -> Result<Running, StartError> {
        let (engine, courier) = self.open().await?;
        let (inside, answers) = (engine.inside(), Answers::default());
        let services = vec![Box::new(engine) as Box<dyn server::Service>, Box::new(answers.clone())];
        let config = Config { server_name: self.server_name.clone(), jetstream: true, ..Config::default() };
        let handle = server::start(config, services, Listeners::default(), self.clock.clone(), self.seed)?;
        courier.start(&handle)?;
        Ok(Running { handle, inside, answers })
    }

    /// Reads the streams, which no thread that serves others waits for.
    async fn open(&self) -> Result<(Engine, Courier), StartError> {
        let stopping = || StreamsError::Unreachable("the system is stopping".into());
        let journal = self.buckets.upgrade().ok_or_else(stopping)?.journal().await?;
        let clock = self.clock.clone();
        let opened = tokio::task::spawn_blocking(move || engine::open_in(journal, clock)).await;
        Ok(opened.map_err(io::Error::other)??)
    }
}
