//! Draining an instance: nothing is sent to it any more, and what is in flight is awaited, requests and messages.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use model::InstanceId;
use ports::traffic::Drained;
use tokio::time::timeout;

use crate::{Mesh, worker::Command};

/// How long requests that were cut off may take to notice.
const CUT_MAX: Duration = Duration::from_secs(5);

impl Mesh {
    pub(crate) async fn drain_instance(&self, id: &InstanceId, limit: Duration) -> Drained {
        let (drained, ()) = tokio::join!(self.drain_requests(id, limit), self.drain_messages(id, limit));
        drained
    }

    async fn drain_messages(&self, id: &InstanceId, limit: Duration) {
        if let Some(messages) = &self.messages {
            messages.drain(id, limit).await;
        }
    }

    async fn drain_requests(&self, id: &InstanceId, limit: Duration) -> Drained {
        let Some(instance) = self.registry.get(id) else { return Drained::Exactly };
        if timeout(limit, instance.drained()).await.is_ok() {
            return Drained::Exactly;
        }
        self.tell_all(|done| Command::Cut(id.clone(), done)).await;
        let _ = timeout(CUT_MAX, instance.drained()).await;
        match instance.cut_off.load(Relaxed) + instance.in_flight() {
            0 => Drained::Exactly,
            count => Drained::CutOff(count),
        }
    }
}
