//! Tasks: work that runs beside other work. Each kind of task declares its fate.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a task is for. It decides what happens to it when everything stops, and when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// A loop that ends only when it is cancelled. If it ends before, everything is stopped.
    Loop(&'static str),
    /// Work for one request or one event: dropped where it stands when everything stops; a panic is its own matter.
    Work(&'static str),
}

/// A set of tasks that end together.
#[derive(Clone)]
pub struct Tasks {
    cancel: CancellationToken,
    set: Arc<Mutex<JoinSet<()>>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { cancel: CancellationToken::new(), set: Arc::default() }
    }
}

impl Tasks {
    /// Runs a future beside the caller, on the caller's runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn spawn(&self, kind: TaskKind, future: impl Future<Output = ()> + Send + 'static) {
        self.start(kind, Box::pin(future));
    }

    /// Compiled once, for all that is spawned.
    fn start(&self, kind: TaskKind, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let cancel = self.cancel.clone();
        let task = async move {
            let stop_all = matches!(kind, TaskKind::Loop(_)).then(|| cancel.clone().drop_guard());
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = future => {}
            }
            drop(stop_all);
        };
        let mut set = self.set.lock().expect("nothing panics under the lock");
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }

    /// Ends when the set is cancelled.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// The token that ends the set.
    pub fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Cancels every task and waits for it, at most so long; returns how many were left.
    pub async fn stop(&self, timeout: Duration) -> usize {
        self.cancel.cancel();
        self.finish(timeout).await
    }

    /// Waits for every task to end by itself, at most so long; what is left is dropped. Returns how many were left.
    pub async fn finish(&self, timeout: Duration) -> usize {
        let mut set = std::mem::take(&mut *self.set.lock().expect("nothing panics under the lock"));
        let all = async { while set.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(timeout, all).await;
        set.len()
    }
}
