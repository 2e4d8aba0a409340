//! The routing state as one worker sees it: the table, and the worker's own part of what it names.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use model::{InstanceId, Timestamp, spec::Side};

use crate::{
    connection::{self, OwnFigures},
    instance::{Instance, Local},
    picker::Pickers,
    table::Table,
};

/// The endpoints of a service, those of the old release first. Where two releases are not told apart, all are of the old one.
#[derive(Default)]
pub(crate) struct Endpoints {
    all: Vec<Rc<Local>>,
    /// How many are of the old release.
    old: usize,
}

impl Endpoints {
    pub(crate) fn new(all: Vec<Rc<Local>>) -> Self {
        Self { old: all.iter().filter(|local| local.side.get() == Side::Old).count(), all }
    }

    /// Those of a release, or all.
    pub(crate) fn of(&self, side: Option<Side>) -> &[Rc<Local>] {
        match side {
            None => &self.all,
            Some(Side::Old) => &self.all[..self.old],
            Some(Side::New) => &self.all[self.old..],
        }
    }
}

/// The routing state with this worker's part of each instance.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) table: Arc<Table>,
    /// The endpoints of each service of the table, by its place.
    pub(crate) endpoints: Vec<Endpoints>,
    /// The connections of the table.
    pub(crate) connections: Vec<Rc<connection::Local>>,
}

/// A worker's parts of instances: of those that the table names, and of those that a request still holds.
#[derive(Default)]
pub(crate) struct Locals(HashMap<InstanceId, Rc<Local>>);

impl View {
    /// The view after this one. Whatever the new table names as before is the same object.
    pub(crate) fn next(&self, table: Arc<Table>, locals: &mut Locals, worker: usize, now: Timestamp) -> Self {
        locals.0.values().for_each(|local| local.serving.set(false));
        let endpoints = table.services.iter().map(|service| {
            let endpoints = service.iter().flat_map(|service| &service.endpoints);
            Endpoints::new(endpoints.map(|(shared, side)| locals.serve(shared, *side, now)).collect())
        });
        let endpoints: Vec<_> = endpoints.collect();
        let connections = self.connections(&table, &endpoints, worker);
        Self { table, endpoints, connections }
    }

    fn connections(&self, table: &Table, endpoints: &[Endpoints], worker: usize) -> Vec<Rc<connection::Local>> {
        let mut figures: HashMap<_, OwnFigures> = self
            .connections
            .iter()
            .map(|local| (Arc::as_ptr(&local.shared.state), local.own_figures().clone()))
            .collect();
        let before: HashMap<_, &connection::Local> =
            self.connections.iter().map(|local| (local.shared.place(), &**local)).collect();
        let connections = table.connections.iter().map(|shared| {
            let split = table.service(shared.service).and_then(|service| service.split.clone());
            let pickers = Pickers::new(&shared.policy.balance, endpoints.get(shared.service), split.is_some());
            let figures = figures.entry(Arc::as_ptr(&shared.state)).or_default().clone();
            let before = before.get(&shared.place()).copied();
            Rc::new(connection::Local::new(shared.clone(), split, pickers, (worker, figures), before))
        });
        connections.collect()
    }
}

impl Locals {
    pub(crate) fn get(&self, id: &InstanceId) -> Option<&Rc<Local>> {
        self.0.get(id)
    }

    fn serve(&mut self, shared: &Arc<Instance>, side: Side, now: Timestamp) -> Rc<Local> {
        let known = self.0.get(&shared.id).filter(|local| Arc::ptr_eq(&local.shared, shared)).cloned();
        let local = known.unwrap_or_else(|| {
            let new = Rc::new(Local::new(shared.clone(), now));
            let moved = self.0.insert(shared.id.clone(), new.clone());
            moved.as_deref().into_iter().for_each(Local::close);
            new
        });
        local.serving.set(true);
        local.side.set(side);
        local
    }

    /// Closes what is idle of the instances that left, and forgets those that no request holds.
    pub(crate) fn release(&mut self) {
        self.0.values().filter(|local| !local.serving.get()).for_each(|local| local.close());
        self.0.retain(|_, local| local.serving.get() || Rc::strong_count(local) > 1);
    }

    /// The instances that it knows a part of.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn all(&self) -> impl Iterator<Item = &Rc<Local>> {
        self.0.values()
    }
}
