//! The routing state as one worker sees it: the table, and the worker's own part of what it names.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use model::{InstanceId, Timestamp};

use crate::{
    connection,
    instance::{Instance, Local},
    table::Table,
};

/// The routing state with this worker's part of each instance.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) table: Arc<Table>,
    /// The endpoints of each service of the table, by its place.
    pub(crate) endpoints: Vec<Vec<Rc<Local>>>,
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
            endpoints.map(|shared| locals.serve(shared, now)).collect()
        });
        let endpoints: Vec<Vec<_>> = endpoints.collect();
        let connections = self.connections(&table, &endpoints, worker);
        Self { table, endpoints, connections }
    }

    fn connections(&self, table: &Table, endpoints: &[Vec<Rc<Local>>], worker: usize) -> Vec<Rc<connection::Local>> {
        let before: HashMap<&str, &connection::Local> =
            self.connections.iter().map(|local| (&*local.shared.name, &**local)).collect();
        let connections = table.connections.iter().map(|shared| {
            let before = before.get(&*shared.name).copied();
            let endpoints = endpoints.get(shared.service).map_or(&[][..], Vec::as_slice);
            Rc::new(connection::Local::new(shared.clone(), endpoints, worker, before))
        });
        connections.collect()
    }
}

impl Locals {
    pub(crate) fn get(&self, id: &InstanceId) -> Option<&Rc<Local>> {
        self.0.get(id)
    }

    fn serve(&mut self, shared: &Arc<Instance>, now: Timestamp) -> Rc<Local> {
        let known = self.0.get(&shared.id).filter(|local| Arc::ptr_eq(&local.shared, shared)).cloned();
        let local = known.unwrap_or_else(|| {
            let new = Rc::new(Local::new(shared.clone(), now));
            let moved = self.0.insert(shared.id.clone(), new.clone());
            moved.as_deref().into_iter().for_each(Local::close);
            new
        });
        local.serving.set(true);
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
