//! A release serves: its services are what it says, and have the instances that it says.

use std::sync::Arc;

use logic::{
    release::{self, Counts},
    service::Event,
};
use model::ServiceName;

use super::super::{
    Supervisor,
    act::remembered,
    service::{Build, ServiceState, settings},
};
use crate::release::{Bundle, Release, view};

impl Supervisor {
    /// From now on the release serves alone. What its rollout replaced has these counts, and all else what the manifests say.
    pub(super) fn serve(&mut self, from: &Release, to: Arc<Release>, replaced: &Counts) {
        for difference in release::compare(&view(from), &view(&to)) {
            let name = difference.service;
            let now = self.services.get(&name).map(ServiceState::own_count);
            let said = || release::counts(&name, &from.system, &to.system, now).1;
            let count = replaced.get(&name).copied().unwrap_or_else(said);
            match to.bundles.get(&name) {
                Some(bundle) => self.settle_service(&name, bundle, count),
                None => self.let_go(&name),
            }
            self.note(&name, None, format!("release {} serves", to.number));
            if let Some(ending) =
                self.ending.as_mut().filter(|_| !release::says_the_same(&name, &from.system, &to.system))
            {
                ending.counted_anew.push(name);
            }
        }
        self.routing.set_gateway(&to.system, None);
        self.release_runs(to);
        let all: Vec<_> = self.services.keys().cloned().collect();
        all.iter().for_each(|name| self.reconnect(name));
    }

    /// The service is the new release's: its slots are ordinary ones, and those that still end are what they were.
    fn settle_service(&mut self, name: &ServiceName, bundle: &Arc<Bundle>, count: u32) {
        if !self.services.contains_key(name) {
            // Without instances it was no part of the rollout.
            self.add_service(name, bundle.clone());
        }
        let Some(service) = self.services.get_mut(name) else { return };
        let old = std::mem::replace(&mut service.build, Build::Done(bundle.clone()));
        service.spec = bundle.spec.clone();
        let machine = &service.machine;
        service.others.retain(|slot, _| !machine.is_wanted(*slot));
        if let Build::Done(old) = old {
            let ending = machine.instances().map(|(instance, _)| instance.id.slot.index);
            let ending: Vec<_> = ending.filter(|slot| !machine.is_wanted(*slot)).collect();
            for slot in ending {
                service.others.entry(slot).or_insert_with(|| old.clone());
            }
        }
        self.tell(name, Event::Settle(settings(&bundle.spec)));
        self.settle_instances(name, bundle);
        self.make_scaler(name);
        self.connect_operator(name);
        self.complete(name, count);
    }

    /// So many instances it shall have, unless it scales itself: what ended while nobody started it again comes back.
    pub(super) fn complete(&mut self, name: &ServiceName, count: u32) {
        if self.services.get(name).is_some_and(|service| service.scaler.is_none()) {
            self.tell(name, Event::Scale(count));
        }
    }

    /// Its instances are the new release's too: those that need not be replaced have the bundle that they have.
    fn settle_instances(&mut self, name: &ServiceName, bundle: &Arc<Bundle>) {
        let Some(service) = self.services.get_mut(name) else { return };
        let (machine, instances) = (&service.machine, &mut service.instances);
        let settled = instances
            .iter_mut()
            .filter(|(id, instance)| machine.is_wanted(id.slot.index) && instance.record.bundle != bundle.id);
        let settled = settled.map(|(id, instance)| {
            instance.record.bundle = bundle.id.clone();
            (id.clone(), instance.record.clone())
        });
        for (id, record) in settled.collect::<Vec<_>>() {
            let records = self.records.clone();
            self.beside("remember", async move { remembered(records.put_instance(&id, &record).await) });
        }
    }
}
