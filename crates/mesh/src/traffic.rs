//! The mesh as the platform sees it: routing states come in, figures and loads go out.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use model::{
    Epoch, InstanceId, ServiceName,
    figures::{ConnectionFigures, EntryFigures, TlsFigures},
    status::Failure,
};
use ports::{
    probes::{Probe, ProbeFailure, Probes},
    traffic::{Drained, Load, Routing, SideFigures, Traffic},
};

use crate::{
    Mesh, busy,
    connection::{self, Connection},
    probe,
    refused::Entrances,
    table::Table,
    worker::Command,
};

#[async_trait]
impl Traffic for Mesh {
    async fn apply(&self, routing: Routing) -> Epoch {
        let mut current = self.current.lock().await;
        let table = Arc::new(Table::new(&current.table, &routing, &self.registry, self.clock.now()));
        current.table = table.clone();
        self.tell_all(|done| Command::Apply(table.clone(), done)).await;
        *self.in_force() = table.clone();
        self.registry.prune(&table);
        self.failures.keep(|service| self.registry.known_service(service).is_some());
        self.follow(&mut current.call_sockets, &routing).await;
        for listener in std::mem::take(&mut current.waiting) {
            // A worker that cannot poll a socket has no descriptors left; the others take its connections.
            let _ = self.attach(&listener).await;
        }
        table.epoch
    }

    async fn drain(&self, instance: &InstanceId, timeout: Duration) -> Drained {
        self.drain_instance(instance, timeout).await
    }

    fn in_flight(&self, instance: &InstanceId) -> u32 {
        self.registry.get(instance).map_or(0, |instance| instance.in_flight())
    }

    fn connections(&self) -> Vec<ConnectionFigures> {
        let table = self.in_force().clone();
        let now = self.clock.now();
        let figures = |connection: &Arc<Connection>| {
            let ejected = connection.outlier.map(|_| table.ejected(connection.service, now)).unwrap_or_default();
            ConnectionFigures { ejected, ..connection.figures(self.workers.len()) }
        };
        let mut all: Vec<_> = table.connections.iter().map(figures).collect();
        all.sort_by(|a, b| a.connection.cmp(&b.connection));
        all.dedup_by(|next, first| connection::is_counted_with(first, next));
        all
    }

    fn entries(&self) -> Vec<EntryFigures> {
        Entrances::figures(self.entrances.iter().map(AsRef::as_ref))
    }

    fn clients(&self) -> u32 {
        self.crew.open().sum()
    }

    fn tls_figures(&self) -> Option<TlsFigures> {
        self.door.as_ref().map(|door| door.figures())
    }

    fn failures(&self, service: &ServiceName) -> Vec<Failure> {
        self.failures.of(service)
    }

    fn compare(&self, service: &ServiceName) -> Option<[SideFigures; 2]> {
        let (place, _) = self.registry.known_service(service)?;
        let table = self.in_force().clone();
        table.service(place)?.split.as_ref().map(|split| split.compared.sum())
    }

    fn load(&self, service: &ServiceName) -> Load {
        let known = self.registry.known_service(service);
        known.map_or_else(Load::default, |(_, load)| busy::sum(&load.busy, || self.clock.now()))
    }

    async fn awaited(&self) -> BTreeSet<ServiceName> {
        self.awaited.next().await
    }

    fn notices(&self) -> Vec<String> {
        let defects = Entrances::notice(self.entrances.iter().map(AsRef::as_ref));
        let changing = [self.tls_problem(), self.socket_notice().clone(), defects];
        self.notices.iter().cloned().chain(changing.into_iter().flatten()).collect()
    }
}

#[async_trait]
impl Probes for Mesh {
    async fn probe(&self, probe: Probe) -> Result<(), ProbeFailure> {
        probe::run(probe).await
    }
}
