//! What cannot change while a system is up.

use model::spec::{Gateway, Service, System};

/// Something that cannot change while a system is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// What it is.
    pub what: &'static str,
    /// Why not.
    pub why: &'static str,
}

/// The first thing that differs and cannot change in place.
pub fn fixed(old: &System, new: &System) -> Option<Fixed> {
    let listen = |gateway: &Gateway| gateway.listen;
    let tls = |gateway: &Gateway| gateway.tls.clone();
    let (old_gateway, new_gateway) = (old.gateway.as_ref(), new.gateway.as_ref());
    [
        (old.name != new.name, "the system's name", "it names processes, cgroups and addresses of what runs"),
        (old_gateway.is_some() != new_gateway.is_some(), "whether there is a gateway", "its socket is opened once"),
        (old_gateway.map(listen) != new_gateway.map(listen), "the gateway's `listen`", "its socket is opened once"),
        (
            old_gateway.and_then(tls) != new_gateway.and_then(tls),
            "the gateway's `tls`",
            "its socket speaks TLS or not; a renewed file of the same name is taken up as it is",
        ),
        (old.nats != new.nats, "`url` of [streams]", "topics and buckets stay where they are"),
        (
            speaks_otherwise(old, new),
            "the `protocol` of a service",
            "callers would speak it to instances of both releases; give the service another name, or `isles down` and `isles up`",
        ),
    ]
    .into_iter()
    .find_map(|(differs, what, why)| differs.then_some(Fixed { what, why }))
}

/// Whether a service that stays is spoken to in another protocol.
fn speaks_otherwise(old: &System, new: &System) -> bool {
    let differs =
        |(name, service): (_, &Service)| new.services.get(name).is_some_and(|new| new.protocol != service.protocol);
    old.services.iter().any(differs)
}
