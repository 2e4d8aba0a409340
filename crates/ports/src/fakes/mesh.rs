//! A mesh without requests.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use model::{
    Epoch, InstanceId, ServiceName,
    figures::{ConnectionFigures, EntryFigures, TlsFigures},
    status::Failure,
};

use super::Counts;
use crate::traffic::{Drained, Load, Routing, SideFigures, Traffic};

/// A mesh that keeps the routing states.
#[derive(Debug)]
pub struct Mesh(pub Arc<Counts>);

#[async_trait]
impl Traffic for Mesh {
    async fn apply(&self, routing: Routing) -> Epoch {
        self.0.states().push(routing);
        Epoch::default()
    }

    async fn drain(&self, _: &InstanceId, _: Duration) -> Drained {
        self.0.step();
        Drained::Exactly
    }

    fn in_flight(&self, _: &InstanceId) -> u32 {
        0
    }

    fn connections(&self) -> Vec<ConnectionFigures> {
        Vec::new()
    }

    fn entries(&self) -> Vec<EntryFigures> {
        Vec::new()
    }

    fn clients(&self) -> u32 {
        0
    }

    fn tls_figures(&self) -> Option<TlsFigures> {
        None
    }

    fn failures(&self, _: &ServiceName) -> Vec<Failure> {
        Vec::new()
    }

    fn compare(&self, _: &ServiceName) -> Option<[SideFigures; 2]> {
        None
    }

    fn load(&self, _: &ServiceName) -> Load {
        Load::default()
    }

    async fn awaited(&self) -> BTreeSet<ServiceName> {
        std::future::pending().await
    }

    fn notices(&self) -> Vec<String> {
        Vec::new()
    }
}
