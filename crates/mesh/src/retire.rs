//! Leaving the listening sockets to another process, which accepts from now on; what was accepted here is served here.

use std::time::Duration;

use tokio::time::timeout;

use crate::{Mesh, worker::Command};

/// How long clients that have nothing in flight may send their last request.
const QUIET: Duration = Duration::from_secs(5);

impl Mesh {
    /// Accepts nothing more; connections wait in the backlog for whoever does. Every answer from now on ends its connection
    /// (RFC 9112 section 9.6, RFC 9113 section 6.8).
    pub async fn retire(&self) {
        self.tell_all(Command::Retire).await;
    }

    /// Ends when no connection is left, or nothing is in flight and those that are left have been idle for 5 s, or after `limit`.
    pub async fn left_alone(&self, limit: Duration) {
        let alone = async {
            loop {
                for instance in self.registry.instances() {
                    instance.drained().await;
                }
                let emptied = timeout(QUIET, self.crew.emptied()).await.is_ok();
                if emptied || self.registry.instances().iter().all(|instance| instance.in_flight() == 0) {
                    return;
                }
            }
        };
        let _ = timeout(limit, alone).await;
    }
}
