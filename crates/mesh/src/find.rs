//! Which connection a request takes, and with what it goes on: route or address, hash, deadline, trace.

use std::{net::IpAddr, time::Duration};

use logic::{balance, deadline};
use model::{
    Reason,
    spec::{Balance, HashKey, Policy, Side, Sticky},
};
use wire::{
    http1::{self, Edge, FieldKind, Framing, RequestHead, RequestLine},
    trace::{self, Trace},
};

use crate::{
    call::Call, listener::Entry, problem::Fault, refused::Refusal, split::Lot, table::Way, tls::Names, view::View,
    worker::Worker,
};

/// The connection that the request takes.
pub(crate) fn find(
    worker: &Worker,
    entry: Entry,
    peer: IpAddr,
    request: &RequestHead,
    head: &[u8],
) -> Result<Call, Refusal> {
    let view = worker.view();
    let (way, strip, pinned) = match entry {
        Entry::Gateway => find_route(&view, request, head).map(|(way, strip)| (way, strip, None))?,
        Entry::Address(address) => {
            let found = view.table.addresses.get(&address);
            let found = found.ok_or_else(|| Fault::new(Reason::NotDeclared, address.to_string()))?;
            (Way { connection: found.connection, new: None }, 0, found.side)
        }
    };
    let mut connection = view.connections[way.connection].clone();
    let lot = Lot::new(pinned, connection.split.as_ref().and_then(|split| sticky(request, head, &split.sticky)));
    let key_of = |policy: &Policy| key_of(request, head, &policy.balance, || worker.random_bits::<1>()[0]);
    if let Some(new) = way.new
        && view.side(worker, &connection, &lot, key_of(connection.policy())) == Some(Side::New)
    {
        connection = view.connections[new].clone();
    }
    let refused = |fault| Refusal { fault, connection: Some(connection.clone()) };
    let policy = connection.policy();
    if let (Framing::Length(length), Some(most)) = (request.framing(), policy.limits.body)
        && length > most.0
    {
        return Err(refused(Fault::new(Reason::BodyTooLarge, format!("{length} bytes announced, {most} allowed"))));
    }
    if let Some(protocol) = request.upgrade(head).filter(|_| !policy.upgrades) {
        return Err(refused(Fault::new(Reason::UpgradeRefused, String::from_utf8_lossy(protocol))));
    }
    let edge = (entry == Entry::Gateway).then(|| worker.edge(peer, view.trusts(peer)));
    let trace = trace(request, head).is_none().then(|| worker.begin_trace());
    let line = RequestLine { strip, edge, trace, ..RequestLine::AS_IT_CAME };
    let key = key_of(policy);
    let waits = caller_timeout(request, head, edge.is_none_or(|edge| edge.trusted));
    Call::new(worker, entry, connection.clone(), line, (key, lot), waits, request.length()).map_err(refused)
}

/// Where the route of a request leads, and how much of the path is taken off.
fn find_route(view: &View, request: &RequestHead, head: &[u8]) -> Result<(Way, usize), Fault> {
    // Calls between services go on, so that what is in flight can end.
    if view.table.shutting_down {
        return Err(Fault::new(Reason::ShuttingDown, ""));
    }
    let (host, path) = (|| http1::host_name(request.host(head)), request.path_bytes(head));
    let gateway = view.table.gateway.as_ref();
    let found = gateway.and_then(|gateway| Some((gateway, gateway.routes.find(host, path)?)));
    let (gateway, found) =
        found.ok_or_else(|| Fault::new(Reason::NoRoute, format!("{}{}", host(), request.path(head))))?;
    Ok((gateway.targets[found.index], found.strip))
}

/// Refuses a request for a host that its connection was not opened for. A trusted peer speaks for many.
pub(crate) fn check_host(
    worker: &Worker,
    peer: IpAddr,
    names: Option<&Names>,
    request: &RequestHead,
    head: &[u8],
) -> Result<(), Fault> {
    let Some(names) = names else { return Ok(()) };
    let host = http1::host_name(request.host(head));
    if names.cover(host) || worker.view().trusts(peer) {
        return Ok(());
    }
    Err(Fault::new(Reason::Misdirected, host))
}

/// The hash of what the policy takes as the key. A request that lacks it has one of its own, so that no instance gets them all.
fn key_of(request: &RequestHead, head: &[u8], balance: &Balance, by_chance: impl FnOnce() -> u64) -> u64 {
    let Balance::Hash { key, .. } = balance else { return 0 };
    let of_values = match key {
        HashKey::Header(name) => hash_all(request.values(head, name)),
        HashKey::Cookie(name) => hash_all(cookies(request, head, name)),
        HashKey::Path => return balance::hash(request.path_bytes(head)),
    };
    of_values.unwrap_or_else(by_chance)
}

/// The hash of what keeps the client on one release.
fn sticky(request: &RequestHead, head: &[u8], sticky: &Sticky) -> Option<u64> {
    match sticky {
        Sticky::None => None,
        Sticky::Header(name) => hash_all(request.values(head, name)),
        Sticky::Cookie(name) => hash_all(cookies(request, head, name)),
    }
}

/// Whoever adds a value cannot choose which of them is looked at: all are.
fn hash_all<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    let first = balance::hash(values.next()?);
    Some(values.fold(first, |hash, value| hash.rotate_left(1) ^ balance::hash(value)))
}

/// The values of a cookie (RFC 6265 section 4.2.1).
fn cookies<'a>(request: &'a RequestHead, head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let pairs = request.values(head, "cookie").flat_map(|field| field.split(|byte| *byte == b';'));
    pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// How long the caller itself waits: the least of what it says. From outside, only a trusted peer speaks as Isles does.
fn caller_timeout(request: &RequestHead, head: &[u8], trusted: bool) -> Option<Duration> {
    let millis = |value| std::str::from_utf8(value).ok()?.parse().ok().map(Duration::from_millis);
    let ours = request.values_of(head, FieldKind::IslesTimeout).filter(|_| trusted).filter_map(millis);
    let grpc = request.values_of(head, FieldKind::GrpcTimeout).filter_map(deadline::parse_grpc_timeout);
    ours.chain(grpc).min()
}

/// The trace that the request belongs to already: one, not several.
pub(crate) fn trace<'a>(request: &RequestHead, head: &'a [u8]) -> Option<&'a [u8]> {
    let mut values = request.values_of(head, FieldKind::Traceparent);
    let first = values.next().filter(|value| trace::is_valid(value))?;
    values.next().is_none().then_some(first)
}

impl Worker {
    fn edge(&self, peer: IpAddr, trusted: bool) -> Edge {
        Edge { peer, scheme: self.gateway_scheme(), trusted }
    }

    fn begin_trace(&self) -> Trace {
        let [high, low, parent] = self.random_bits();
        Trace::begin(u128::from(high) << 64 | u128::from(low), parent)
    }
}

impl View {
    /// Whether the peer's word on who the client is counts.
    fn trusts(&self, peer: IpAddr) -> bool {
        let trusted = self.table.gateway.as_ref().map_or(&[][..], |gateway| &gateway.trusted);
        trusted.iter().any(|network| network.contains(peer))
    }
}
