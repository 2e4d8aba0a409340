//! How requests are shared between the releases.

use logic::rollout::{Event, Routing, Traffic};
use model::{ServiceName, spec::Policy};
use ports::traffic::{Caller, Split};

use super::super::{Supervisor, act::refresh_upstream, input::Input};
use crate::addresses::Place;

impl Supervisor {
    /// Routes so, and says when every worker does.
    pub(super) fn route(&mut self, routing: Routing) {
        self.share(routing);
        self.routing.touch();
        let (mut in_force, needed) = (self.in_force.clone(), self.routing.needed());
        self.beside("route", async move {
            // The applier ends only after this task.
            let _ = in_force.wait_for(|number| *number >= needed).await;
            Input::Routed(routing.epoch)
        });
    }

    /// The services of the rollout share their requests so from the next routing state on.
    pub(super) fn share(&mut self, routing: Routing) {
        let Some(rollout) = &self.rollout else { return };
        let weight = match routing.traffic {
            Traffic::Alike => None,
            Traffic::Share(share) => Some(share),
        };
        for name in rollout.services() {
            let Some(rollout) = &self.rollout else { return };
            let new = rollout.to.system.services.get(&name);
            let sticky = new.map(|spec| spec.upgrade.sticky.clone()).unwrap_or_default();
            let hold = routing.hold && new.and_then(|spec| spec.migrate.as_ref()).is_some_and(|migrate| migrate.hold);
            if let Some(service) = self.services.get_mut(&name) {
                (service.split, service.hold) = (Some(Split { weight, sticky }), hold);
            }
            self.reroute(&name);
            self.reconnect(&name);
        }
    }

    /// Every worker routes so.
    pub(in super::super) fn routed(&mut self, epoch: u64) {
        self.tell_rollout(Event::Routed(epoch));
    }

    /// What is known of a service goes into the routing state.
    pub(super) fn reroute(&mut self, name: &ServiceName) {
        if let Some(service) = self.services.get_mut(name) {
            refresh_upstream(service);
            self.routing.mark(name);
        }
    }

    /// The calls of a service's instances are as their release says.
    pub(super) fn reconnect(&mut self, name: &ServiceName) {
        let ids: Vec<_> = self.services.get(name).map(|s| s.instances.keys().cloned().collect()).unwrap_or_default();
        for id in ids {
            // Every address that it has is remembered since it was started.
            let _ = self.connect_slot(&id);
        }
    }

    /// The gateway routes as the release says that has the requests. Until that is the new one, what goes there has its policies.
    pub(super) fn route_gateway(&mut self) {
        let Some(rollout) = &mut self.rollout else { return };
        let is_new = rollout.serves_new();
        if rollout.gateway_is_new.replace(is_new) != Some(is_new) {
            let (from, to) = (&*rollout.from.system, &*rollout.to.system);
            let (system, coming) = if is_new { (to, None) } else { (from, Some(to)) };
            self.routing.set_gateway(system, coming);
        }
    }

    /// Opens an address for a look at each new set, if there will be time for one.
    pub(super) fn open_previews(&mut self) {
        let Some(rollout) = self.rollout.as_ref().filter(|rollout| rollout.has_preview()) else { return };
        for name in rollout.services() {
            let (address, made) = self.addresses.of_preview(&name);
            let Some(spec) = self.rollout.as_ref().and_then(|rollout| rollout.to.system.services.get(&name)) else {
                continue;
            };
            let policy = Policy { protocol: spec.protocol, ..Policy::default() };
            let place = Place { address, socket: None };
            let side = Some(model::spec::Side::New);
            self.routing.connect(Caller::Operator, name, &place, policy.into(), side);
            if let Some((key, number)) = made {
                let records = self.records.clone();
                let written = async move { records.put_address(&key, number).await };
                self.beside("remember", async move { super::super::act::remembered(written.await) });
            }
        }
    }

    /// Closes them.
    pub(super) fn close_previews(&mut self, services: &[ServiceName]) {
        for name in services {
            if let Some((key, address)) = self.addresses.close_preview(name) {
                self.routing.disconnect_address(address);
                let records = self.records.clone();
                let written = async move { records.forget_address(&key).await };
                self.beside("remember", async move { super::super::act::remembered(written.await) });
            }
        }
    }
}
