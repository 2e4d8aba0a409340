//! What a changed routing state must leave alone, and what it must change: a check for any bytes, for proptest and libFuzzer.
//!
//! Applying states step by step ends as if the last one had come alone, and what two states name alike is the same object: its
//! connections, figures, breaker and pools with it. Requests may be in flight meanwhile. A connection has as many policies as its slots say.

mod states;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    rc::Rc,
    sync::Arc,
};

use model::{
    InstanceId, Timestamp,
    spec::{Policy, Side},
};
use ports::traffic::{Routing, Target};
use states::{MOVES, SERVICES, STATE_BYTES, routing};

use crate::{
    connection,
    instance::{Lease, Local},
    registry::Registry,
    table::Table,
    view::{Locals, View},
};

const NOW: Timestamp = Timestamp(1_790_000_000_000_000);
const REQUESTS: [(&str, &str); 5] = [("a", "/"), ("a", "/stock"), ("a", "/stock/new/x"), ("b", "/"), ("b", "/stockx")];

/// Applies the states that the bytes say, one after the other.
///
/// # Panics
/// When a change harms what it should not, or does not take effect.
pub fn check(bytes: &[u8]) {
    let mut stepwise = Applied::default();
    let mut last = &[0; STATE_BYTES][..];
    for state in bytes.chunks_exact(STATE_BYTES) {
        stepwise.step(state);
        last = state;
    }
    stepwise.held.clear();
    stepwise.apply(&routing(last));
    let mut alone = Applied::default();
    alone.apply(&routing(last));
    assert_eq!(stepwise.observed(), alone.observed());
}

/// A mesh with one worker, but without a thread.
struct Applied {
    registry: Registry,
    locals: Locals,
    view: Rc<View>,
    held: Vec<Lease>,
}

impl Default for Applied {
    fn default() -> Self {
        Self { registry: Registry::new(1), locals: Locals::default(), view: Rc::default(), held: Vec::new() }
    }
}

impl Applied {
    /// Applies a state and looks at what the last one had too; its last byte says which instance gets a request in flight.
    fn step(&mut self, state: &[u8]) {
        let before = self.view.clone();
        self.apply(&routing(state));
        self.nothing_is_harmed(&before);
        self.hold(state[STATE_BYTES - 1]);
    }

    fn apply(&mut self, routing: &Routing) {
        let table = Arc::new(Table::new(&self.view.table, routing, &self.registry, NOW));
        self.view = Rc::new(self.view.next(table.clone(), &mut self.locals, 0, NOW));
        self.locals.release();
        self.registry.prune(&table);
        self.everybody_has_the_policy_that_is_said(routing);
    }

    fn everybody_has_the_policy_that_is_said(&self, routing: &Routing) {
        let policy = |index: usize| self.view.connections[index].policy();
        for (address, declared) in &*routing.connections {
            assert_eq!(policy(self.view.table.addresses[address].connection), &*declared.policy, "{}", declared.caller);
        }
        let (Some(said), Some(made)) = (&routing.gateway, &self.view.table.gateway) else { return };
        for (route, way) in said.routes.iter().zip(&made.targets) {
            assert_eq!(policy(way.connection), route.policy.as_deref().unwrap_or(&said.policy), "{}", route.prefix);
        }
    }

    fn nothing_is_harmed(&self, before: &View) {
        for (place, endpoints) in before.endpoints.iter().enumerate() {
            for old in endpoints.of(None) {
                let all = self.view.endpoints.get(place).into_iter().flat_map(|endpoints| endpoints.of(None));
                let same =
                    all.filter(|new| (&new.shared.id, &new.shared.target) == (&old.shared.id, &old.shared.target));
                same.for_each(|new| assert!(Rc::ptr_eq(old, new), "{} was made anew", old.shared.id));
            }
        }
        for old in &before.connections {
            let all = self.view.connections.iter();
            all.filter(|new| new.shared.name == old.shared.name).for_each(|new| goes_on(old, new));
        }
        for name in before.connections.iter().map(|old| &old.shared.name) {
            if let ([old], [new]) = (&before.policies_of(name)[..], &self.view.policies_of(name)[..]) {
                assert!(new.goes_on_from(old), "{name} changed in place, and lost what its policy had");
            }
        }
        let split =
            |view: &'_ View, place| view.table.service(place)?.split.as_ref().map(|split| split.compared.clone());
        for place in 0..before.table.services.len() {
            if let (Some(old), Some(new)) = (split(before, place), split(&self.view, place)) {
                assert!(Arc::ptr_eq(&old, &new), "a split was begun anew");
            }
        }
        for instance in self.held.iter().map(|lease| &lease.local().shared) {
            let known = self.registry.get(&instance.id).expect("a request is in flight to it");
            assert!(Arc::ptr_eq(&known, instance), "{} was forgotten", instance.id);
        }
    }

    /// Zero ends what is in flight; any other number holds a request on an instance.
    fn hold(&mut self, byte: u8) {
        if byte == 0 {
            self.held.clear();
        }
        let all = self.view.endpoints.iter().flat_map(|endpoints| endpoints.of(None));
        let all: Vec<_> = all.filter(|local| local.shared.id.run != MOVES).collect();
        if let Some(local) = (byte > 0).then(|| all.get(usize::from(byte) % all.len().max(1))).flatten() {
            self.held.push(Lease::new(Rc::clone(local)));
        }
    }

    fn observed(&self) -> Observed {
        let table = &self.view.table;
        let name = |index: usize| self.view.connections[index].shared.name.to_string();
        let routes = table.gateway.as_ref().map(|gateway| {
            let found = REQUESTS.map(|(host, path)| gateway.routes.find(|| host, path.as_bytes()));
            found.map(|found| {
                let found = found?;
                let way = gateway.targets[found.index];
                let new = way.new.map(|new| (name(new), self.view.connections[new].policy().clone()));
                Some((name(way.connection), found.strip, new))
            })
        });
        let addresses = table.addresses.iter();
        let services = SERVICES.map(|name| {
            let known = self.registry.known_service(&name.parse().expect("a name"));
            let serving = known.as_ref().and_then(|(place, load)| {
                let service = table.service(*place)?;
                let split = service.split.as_ref().map(|split| split.weight);
                Some((service.is_waited_for(), load.limit().is_some(), split))
            });
            let endpoints = known.and_then(|(place, _)| self.view.endpoints.get(place));
            let of = |side| endpoints.into_iter().flat_map(move |endpoints| endpoints.of(Some(side)));
            let seen = |local: &Rc<Local>| (local.shared.id.clone(), local.shared.target.clone());
            (serving, [Side::Old, Side::New].map(|side| of(side).map(seen).collect()))
        });
        Observed {
            shutting_down: table.shutting_down,
            routes,
            addresses: addresses
                .map(|(at, address)| {
                    let policy = self.view.connections[address.connection].policy().clone();
                    (*at, (address.caller.to_string(), name(address.connection), policy))
                })
                .collect(),
            policies: self
                .view
                .connections
                .iter()
                .map(|one| (one.shared.name.to_string(), one.policy().clone()))
                .collect(),
            services,
            known: self.registry.names(),
            locals: self.locals.all().map(|local| (local.shared.id.clone(), local.serving.get())).collect(),
        }
    }
}

/// What a connection has, it keeps, and what a policy has, as long as there is that policy.
fn goes_on(old: &connection::Local, new: &connection::Local) {
    let name = &old.shared.name;
    assert!(Arc::ptr_eq(&old.shared.state, &new.shared.state), "{name} lost its state");
    assert!(Arc::ptr_eq(&old.shared.load, &new.shared.load), "{name} lost its load");
    assert!(std::ptr::eq(old.figures(), new.figures()), "{name} lost its figures");
    if new.policy() == old.policy() {
        assert!(new.goes_on_from(old), "{name} lost what its policy had");
        assert!(new.shared.guard.rates.goes_on_from(&old.shared.guard.rates), "{name} lost its rate");
        assert!(new.shared.guard.retries.goes_on_from(&old.shared.guard.retries), "{name} lost its budget");
    }
}

impl View {
    /// The connections of a name: as many as policies.
    fn policies_of(&self, name: &str) -> Vec<&connection::Local> {
        let found: Vec<_> = self.connections.iter().map(|one| &**one).filter(|one| *one.shared.name == *name).collect();
        for (index, one) in found.iter().enumerate() {
            let others = &found[..index];
            assert!(
                others.iter().all(|other| other.policy() != one.policy() && !one.goes_on_from(other)),
                "{name} stands twice"
            );
            assert!(std::ptr::eq(one.figures(), found[0].figures()), "{name} is counted twice");
        }
        found
    }
}

/// What can be told apart, whatever was in force before.
#[derive(Debug, PartialEq)]
struct Observed {
    shutting_down: bool,
    routes: Option<[Option<Found>; REQUESTS.len()]>,
    addresses: BTreeMap<Ipv4Addr, (String, String, Policy)>,
    policies: Vec<(String, Policy)>,
    services: [Service; SERVICES.len()],
    known: BTreeSet<String>,
    locals: BTreeSet<(InstanceId, bool)>,
}

/// The connection of a request, how much of its path is taken off, and what the new release says instead.
type Found = (String, usize, Option<(String, Policy)>);

/// Whether requests wait for it, whether its load is limited and how two releases share, unless it is gone; and the instances of each.
type Service = (Option<(bool, bool, Option<Option<u16>>)>, [Vec<(InstanceId, Target)>; 2]);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_change_harms_nothing_that_did_not_change(bytes in prop::collection::vec(any::<u8>(), 0..20 * STATE_BYTES)) {
            check(&bytes);
        }
    }

    #[test]
    fn an_instance_that_left_comes_back_as_the_same_while_it_has_a_request() {
        let mut applied = Applied::default();
        let (with, without) = ([1, 0, 0b10001, 0, 0, 1], [1, 0, 0b00001, 0, 0, 1]);
        applied.step(&with);
        let first = applied.view.endpoints[0].of(None)[0].clone();
        applied.step(&without);
        assert!(!first.serving.get());
        applied.step(&with);
        assert!(Rc::ptr_eq(&first, &applied.view.endpoints[0].of(None)[0]) && first.serving.get());
    }

    #[test]
    fn a_connection_that_comes_back_knows_what_is_still_in_flight() {
        let mut applied = Applied::default();
        let (with, without) = ([0, 0b11, 0b1001, 0, 0, 0], [0, 0, 0b1001, 0, 0, 0]);
        applied.step(&with);
        let state = applied.view.connections[0].shared.state.clone();
        assert!(state.in_flight.try_enter(1));
        applied.step(&without);
        applied.step(&with);
        assert!(Arc::ptr_eq(&state, &applied.view.connections[0].shared.state));
        state.in_flight.leave(1);
        applied.step(&without);
        applied.step(&with);
        assert!(!Arc::ptr_eq(&state, &applied.view.connections[0].shared.state), "who left for good is forgotten");
    }
}
