//! The connections of a table in the making: one for each caller, callee and policy.
//!
//! Slots of one service share its connections. While two releases of it run, those of each call by its own policy; what is bounded
//! and counted is one all the same.

use std::{collections::HashMap, sync::Arc};

use logic::lanes;
use model::{
    ServiceName, Timestamp,
    spec::{Policy, Route},
};
use ports::traffic::Caller;

use crate::{
    connection::{self, Connection, Heads},
    guard::Guard,
    picker,
    rates::Rates,
    registry::Registry,
    retries::Retries,
};

/// The connections so far.
#[derive(Default)]
pub(crate) struct Connections {
    list: Vec<Draft>,
    /// The policies of each name, as indexes.
    index: HashMap<Arc<str>, Vec<usize>>,
}

struct Draft {
    name: Arc<str>,
    caller: Box<str>,
    callee: ServiceName,
    policy: Arc<Policy>,
}

/// The policies of one name.
struct Family<'a> {
    /// Those of the routing state before.
    before: &'a [&'a Connection],
    /// What is still to be given to each, in order.
    places: std::vec::IntoIter<(u32, (Rates, Retries))>,
}

/// Who calls, as figures name it.
pub(crate) fn name_of(caller: &Caller) -> Box<str> {
    match caller {
        Caller::Slot(slot) => slot.service.to_string().into(),
        other => other.to_string().into(),
    }
}

impl Connections {
    /// The index of a connection, which is added if it is not there.
    pub(crate) fn add(&mut self, caller: &str, callee: &ServiceName, policy: &Arc<Policy>) -> usize {
        let name: Arc<str> = format!("{caller} -> {callee}").into();
        let members = self.index.entry(name.clone()).or_default();
        if let Some(known) = members.iter().find(|index| self.list[**index].policy == *policy) {
            return *known;
        }
        members.push(self.list.len());
        self.list.push(Draft { name, caller: caller.into(), callee: callee.clone(), policy: policy.clone() });
        self.list.len() - 1
    }

    /// The same for a route of the gateway, which has this policy if it has none of its own.
    pub(crate) fn add_route(&mut self, route: &Route, policy: &Arc<Policy>) -> usize {
        match &route.policy {
            None => self.add("gateway", &route.to, policy),
            Some(own) => {
                let caller = format!("gateway {}{}", route.host.as_deref().unwrap_or_default(), route.prefix);
                self.add(&caller, &route.to, &Arc::new(Policy::clone(own)))
            }
        }
    }

    /// Makes them, as those that come after `previous`.
    pub(crate) fn make(
        self,
        previous: &[Arc<Connection>],
        registry: &Registry,
        now: Timestamp,
    ) -> Vec<Arc<Connection>> {
        let Self { list, index } = self;
        let mut before: HashMap<&str, Vec<&Connection>> = HashMap::new();
        previous.iter().for_each(|one| before.entry(&one.name).or_default().push(one));
        let family = |(name, members): (&Arc<str>, &Vec<usize>)| {
            let policies: Vec<_> = members.iter().map(|index| &*list[*index].policy).collect();
            (name.clone(), Family::new(&policies, before.get(&**name).map_or(&[][..], Vec::as_slice)))
        };
        let mut families: HashMap<_, _> = index.iter().map(family).collect();
        let made = list.iter().map(|draft| {
            let family = families.get_mut(&draft.name).expect("each name has a family");
            Arc::new(family.next(draft, registry, now))
        });
        made.collect()
    }
}

impl<'a> Family<'a> {
    fn new(policies: &[&Policy], before: &'a [&'a Connection]) -> Self {
        let known: Vec<_> = before.iter().map(|one| (one.lane, &*one.policy)).collect();
        let (rates, retries): (Vec<_>, Vec<_>) =
            before.iter().map(|one| (&one.guard.rates, &one.guard.retries)).unzip();
        let (rate, budget): (Vec<_>, Vec<_>) = policies.iter().map(|policy| (policy.rate, policy.retry_budget)).unzip();
        let counted = Rates::new(&rate, &rates).into_iter().zip(Retries::new(&budget, &retries));
        let places: Vec<_> = lanes::assign(&known, policies).into_iter().zip(counted).collect();
        Self { before, places: places.into_iter() }
    }

    /// The connection with the next policy.
    fn next(&mut self, draft: &Draft, registry: &Registry, now: Timestamp) -> Connection {
        let (lane, (rates, retries)) = self.places.next().expect("each policy has a lane");
        let (service, load) = registry.service(&draft.callee, now);
        let state = registry.connection(&draft.name);
        let before = self.before.iter().find(|one| one.lane == lane).map(|one| &one.guard);
        let policy = draft.policy.clone();
        Connection {
            name: draft.name.clone(),
            caller: draft.caller.clone(),
            callee: draft.callee.clone(),
            service,
            lane,
            heads: Heads::new(&policy.limits),
            buffer: connection::bytes(policy.limits.buffer),
            guard: Guard::new(&policy, rates, retries, before),
            outlier: policy.outlier.map(picker::outlier),
            state,
            load,
            policy,
        }
    }
}
