//! What is drawn: boxes and arrows, before they have a place.

use std::collections::BTreeMap;

use model::{
    BucketName, Gather, ServiceName, TopicName,
    spec::{Gateway, Route, Service, Store, StoreEngine, System},
};

/// Boxes and the arrows between them.
pub(crate) struct Graph {
    /// The system's name.
    pub name: String,
    /// The gateway first, if there is one; then the services by name, then the topics.
    pub nodes: Vec<Node>,
    /// At most one for each pair of nodes, in the order of their sources.
    pub edges: Vec<Edge>,
}

/// A gateway, a service or a topic.
pub(crate) struct Node {
    pub kind: Kind,
    pub title: String,
    pub subtitle: String,
    /// The data that it owns.
    pub store: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Gateway,
    Service,
    Topic,
}

/// A connection, or the way of messages into a topic and out of it, by the indexes of its nodes. The gateway's has its routes as label.
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
        let indexes: BTreeMap<&ServiceName, usize> = system.services.keys().zip(first..).gather();
        nodes.extend(system.services.iter().map(|(name, service)| Node {
            kind: Kind::Service,
            title: name.to_string(),
            subtitle: instances(service.replicas),
            store: data(service),
        }));
        let first_topic = nodes.len();
        let topics: BTreeMap<&TopicName, usize> = system.topics.keys().zip(first_topic..).gather();
        nodes.extend(system.topics.keys().map(topic));
        let mut edges: Vec<Edge> = system.gateway.iter().flat_map(|gateway| routes(gateway, &indexes)).collect();
        for (from, service) in system.services.values().enumerate() {
            let callees = service.calls.keys().filter_map(|callee| indexes.get(callee));
            let published = service.publishes.iter().filter_map(|name| topics.get(name));
            edges.extend(callees.chain(published).map(|to| Edge::new(first + from, *to)));
        }
        for (name, from) in &topics {
            let subscribers = system.services.values().enumerate().filter(|(_, to)| to.subscribes.contains(*name));
            edges.extend(subscribers.map(|(to, _)| Edge::new(*from, first + to)));
        }
        Self { name: system.name.to_string(), nodes, edges }
    }
}

impl Edge {
    fn new(from: usize, to: usize) -> Self {
        Self { from, to, label: String::new() }
    }
}

fn topic(name: &TopicName) -> Node {
    Node { kind: Kind::Topic, title: name.to_string(), subtitle: "topic".into(), store: None }
}

fn gateway(gateway: &Gateway) -> Node {
    Node { kind: Kind::Gateway, title: "gateway".into(), subtitle: gateway.listen.to_string(), store: None }
}

fn instances(count: u32) -> String {
    if count == 1 { "1 instance".into() } else { format!("{count} instances") }
}

/// Its store, buckets and object stores.
fn data(service: &Service) -> Option<String> {
    let named = |what: &'static str| move |name: &BucketName| format!("{what} {name}");
    let buckets = service.buckets.iter().map(named("bucket"));
    let objects = service.objects.iter().map(named("objects"));
    let all: Vec<_> = service.store.iter().map(store).chain(buckets).chain(objects).collect();
    (!all.is_empty()).then(|| all.join(", "))
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
