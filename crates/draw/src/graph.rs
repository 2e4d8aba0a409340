//! What is drawn: boxes and arrows, before they have a place.

use std::collections::BTreeMap;

use model::{
    ServiceName,
    spec::{Gateway, Route, Store, StoreEngine, System},
};

/// Boxes and the arrows between them.
pub(crate) struct Graph {
    /// The system's name.
    pub name: String,
    /// The gateway first, if there is one; then the services by name.
    pub nodes: Vec<Node>,
    /// At most one for each pair of nodes, in the order of their sources.
    pub edges: Vec<Edge>,
}

/// A gateway or a service.
pub(crate) struct Node {
    pub kind: Kind,
    pub title: String,
    pub subtitle: String,
    pub store: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Gateway,
    Service,
}

/// A connection, by the indexes of its nodes. The gateway's has its routes as label.
pub(crate) struct Edge {
    pub from: usize,
    pub to: usize,
    pub label: String,
}

impl Graph {
    /// What there is to draw of a system.
    pub(crate) fn of(system: &System) -> Self {
        let mut nodes: Vec<Node> = system.gateway.iter().map(gateway).collect();
        let first = nodes.len();
        let indexes: BTreeMap<&ServiceName, usize> = system.services.keys().zip(first..).collect();
        nodes.extend(system.services.iter().map(|(name, service)| Node {
            kind: Kind::Service,
            title: name.to_string(),
            subtitle: instances(service.replicas),
            store: service.store.as_ref().map(store),
        }));
        let mut edges: Vec<Edge> = system.gateway.iter().flat_map(|gateway| routes(gateway, &indexes)).collect();
        for (from, service) in system.services.values().enumerate() {
            let callees = service.calls.keys().filter_map(|callee| indexes.get(callee));
            edges.extend(callees.map(|to| Edge { from: first + from, to: *to, label: String::new() }));
        }
        Self { name: system.name.to_string(), nodes, edges }
    }
}

fn gateway(gateway: &Gateway) -> Node {
    Node { kind: Kind::Gateway, title: "gateway".into(), subtitle: gateway.listen.to_string(), store: None }
}

fn instances(count: u32) -> String {
    if count == 1 { "1 instance".into() } else { format!("{count} instances") }
}

fn store(store: &Store) -> String {
    let engine = match store.engine {
        StoreEngine::Sqlite => "sqlite",
    };
    let name = store.path.as_ref().and_then(|path| path.file_name());
    name.map_or_else(|| engine.into(), |name| format!("{engine}: {}", name.to_string_lossy()))
}

/// One edge for each service that the gateway routes to.
fn routes(gateway: &Gateway, indexes: &BTreeMap<&ServiceName, usize>) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for route in &gateway.routes {
        let Some(&to) = indexes.get(&route.to) else { continue };
        match edges.iter_mut().find(|edge| edge.to == to) {
            Some(edge) => edge.label = format!("{}, {}", edge.label, show(route)),
            None => edges.push(Edge { from: 0, to, label: show(route) }),
        }
    }
    edges
}

fn show(route: &Route) -> String {
    format!("{}{}", route.host.as_deref().unwrap_or_default(), route.prefix)
}
