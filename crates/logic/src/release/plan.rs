//! The rollout that differences ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{
    Gather, ServiceName,
    api::{Change, PlannedService},
    spec::{self, Service, Strategy, System, Upgrade, Wait},
};

use super::{Difference, View, compare};
use crate::{
    order,
    rollout::{Migration, Plan, Target, Waves},
};

/// How many instances each service has now: asked for, by the manifest or a person.
pub type Counts = BTreeMap<ServiceName, u32>;

/// How the differences are rolled out; `None` if no instance starts or ends, and nothing has to be migrated.
pub fn rollout(differences: &[Difference], old: &System, new: &System, now: &Counts) -> Option<Plan> {
    let upgrade = upgrade(differences, old, new);
    let stays = stays(&upgrade.strategy, new);
    let target = |difference| target(difference, (old, new), stays, now);
    let mut targets: Vec<_> = differences.iter().filter_map(target).collect();
    if targets.is_empty() {
        return None;
    }
    if new.pinned {
        callers_first(&mut targets, old, new);
    }
    let services: Vec<_> = targets.iter().filter_map(|target| service(&target.service, old, new)).collect();
    let progress = services.iter().map(|service| service.upgrade.progress_deadline).max();
    let moves = targets.iter().any(|target| (target.old, target.new) != (0, 0));
    Some(Plan {
        strategy: if moves { upgrade.strategy.clone() } else { at_once(&upgrade.strategy) },
        migration: migration(differences, new),
        progress_deadline: progress.unwrap_or_default().max(upgrade.progress_deadline),
        one_way: false,
        targets,
    })
}

/// The differences with the numbers of their instances.
pub fn planned(differences: &[Difference], old: &System, new: &System, now: &Counts) -> Vec<PlannedService> {
    let strategy = &upgrade(differences, old, new).strategy;
    let one = |difference: &Difference| {
        let Difference { service: name, change, parts } = difference.clone();
        let (before, after) = counts(&name, old, new, now.get(&name).copied());
        let surge = service(&name, old, new).map_or(0, |service| service.upgrade.terms.max_surge);
        let most = match (change, strategy) {
            (Change::Adjusted, _) => before.max(after),
            (_, Strategy::Rolling) if before > 0 && after > 0 => before.max(after) + surge,
            _ => before + u32::from(stays(strategy, new) && sleeps(&name, before, old)) + after,
        };
        PlannedService { service: name, change, parts, old: before, new: after, most }
    };
    differences.iter().map(one).collect()
}

/// The services whose migration must run before a system starts that ran as `old` before, if it ran. Of what runs in place
/// nobody knows what has changed.
pub fn unmigrated(old: Option<&View>, new: &View) -> BTreeSet<ServiceName> {
    let differences = old.map(|old| compare(old, new));
    let is_new = |name: &ServiceName| {
        let mut all = differences.iter().flatten();
        differences.is_none() || all.any(|it| it.service == *name && migrates(it, new.system).is_some())
    };
    let names = new
        .units
        .iter()
        .filter(|(name, unit)| unit.spec.migrate.is_some() && (unit.artifact.is_none() || is_new(name)));
    names.map(|(name, _)| (*name).clone()).gather()
}

/// The name of a strategy.
pub fn strategy_name(strategy: &Strategy) -> &'static str {
    match strategy {
        Strategy::Rolling => "rolling",
        Strategy::BlueGreen { .. } => "blue-green",
        Strategy::Canary { .. } => "canary",
    }
}

fn target(difference: &Difference, (old, new): (&System, &System), stays: bool, now: &Counts) -> Option<Target> {
    let name = &difference.service;
    let (before, after) = counts(name, old, new, now.get(name).copied());
    let wakes = stays && sleeps(name, before, old);
    let before = before + u32::from(wakes);
    let starts_or_ends = difference.change != Change::Adjusted && (before, after) != (0, 0);
    let terms = service(name, old, new)?.upgrade.terms.clone();
    (starts_or_ends || migrates(difference, new).is_some()).then(|| Target {
        service: name.clone(),
        old: before,
        new: after,
        terms,
        waves: Waves::default(),
        wakes,
    })
}

/// Whether requests stay on the old release while the new one is there: then old sets that sleep must wake up for them.
fn stays(strategy: &Strategy, new: &System) -> bool {
    new.pinned || !matches!(strategy, Strategy::Rolling)
}

fn sleeps(name: &ServiceName, before: u32, old: &System) -> bool {
    before == 0 && old.services.get(name).is_some_and(|service| service.scaling.is_some())
}

/// Whether a route or another service's call leads to it; what it takes from topics is no call.
pub fn is_called(name: &ServiceName, system: &System) -> bool {
    let leads = |to: &ServiceName| to == name;
    system.gateway.iter().flat_map(|gateway| &gateway.routes).any(|route| leads(&route.to))
        || system.services.values().any(|service| service.calls.keys().any(leads))
}

/// A request that is on its way must find all that it will call in its own release.
fn callers_first(targets: &mut [Target], old: &System, new: &System) {
    let waves = |system| {
        let numbered = (0..).zip(order::stop_waves(system));
        numbered
            .flat_map(|(number, wave)| wave.into_iter().map(move |name| (name, number)))
            .gather::<BTreeMap<_, u32>>()
    };
    let (old, new) = (waves(old), waves(new));
    for target in targets {
        let of = |waves: &BTreeMap<ServiceName, u32>| waves.get(&target.service).copied().unwrap_or_default();
        target.waves = Waves { old: of(&old), new: of(&new) };
    }
}

/// The instances of a service before and afterwards, if it has so many now. A number that a person asked for holds until the
/// manifest says another one.
pub fn counts(name: &ServiceName, old: &System, new: &System, now: Option<u32>) -> (u32, u32) {
    let (was, will) = (old.services.get(name), new.services.get(name));
    let before = was.map_or(0, |service| now.unwrap_or(service.replicas));
    let same = says_the_same(name, old, new);
    let after = will.map_or(0, |service| if same { before } else { service.replicas }.max(least(service)));
    (before, after)
}

/// Whether both manifests say the same of how many instances a service has.
pub fn says_the_same(name: &ServiceName, old: &System, new: &System) -> bool {
    let said = |system: &System| system.services.get(name).map(|service| (service.replicas, service.scaling.clone()));
    said(old).is_some_and(|was| said(new) == Some(was))
}

/// What sleeps wakes for its rollout: nobody knows otherwise whether the new release starts.
fn least(service: &Service) -> u32 {
    u32::from(service.scaling.is_some())
}

/// As the services that change agree on, or else as the system says.
fn upgrade<'a>(differences: &[Difference], old: &'a System, new: &'a System) -> &'a Upgrade {
    let mut voters = voters(differences, old, new).into_iter().map(|(_, service)| &service.upgrade);
    let Some(first) = voters.next() else { return &new.upgrade };
    let agree = voters.all(|other| other.strategy == first.strategy);
    if agree { first } else { &new.upgrade }
}

/// The services that have both releases. What comes or goes has a say only where nothing else changes.
fn voters<'d, 's>(
    differences: &'d [Difference],
    old: &'s System,
    new: &'s System,
) -> Vec<(&'d ServiceName, &'s Service)> {
    let of = |changes: &[Change]| {
        let changed = differences.iter().filter(|difference| changes.contains(&difference.change));
        changed.filter_map(|it| Some((&it.service, service(&it.service, old, new)?))).collect::<Vec<_>>()
    };
    let replaced = of(&[Change::Replaced]);
    if replaced.is_empty() { of(&[Change::Added, Change::Removed]) } else { replaced }
}

/// The services, and their canary or blue-green, that are rolled out otherwise because those that change do not agree.
pub fn overruled(differences: &[Difference], old: &System, new: &System) -> BTreeMap<ServiceName, String> {
    let applies = &upgrade(differences, old, new).strategy;
    let own = voters(differences, old, new).into_iter().map(|(name, service)| (name, &service.upgrade.strategy));
    let overruled = own.filter(|(_, own)| *own != applies && **own != Strategy::Rolling);
    overruled.map(|(name, own)| (name.clone(), strategy_name(own).to_owned())).gather()
}

/// Where no instance runs there is nothing to wait for.
fn at_once(strategy: &Strategy) -> Strategy {
    match strategy {
        Strategy::Rolling => Strategy::Rolling,
        _ => Strategy::BlueGreen { preview: Wait::For(Duration::ZERO), keep: Duration::ZERO },
    }
}

/// One after the other; requests are held if one of them wants that.
fn migration(differences: &[Difference], new: &System) -> Option<Migration> {
    let all: Vec<_> = differences.iter().filter_map(|difference| migrates(difference, new)).collect();
    let deadline: Duration = all.iter().map(|migration| migration.deadline).sum();
    (!all.is_empty()).then(|| Migration { hold: all.iter().any(|migration| migration.hold), deadline })
}

/// What must run before the service's new code does.
fn migrates<'a>(difference: &Difference, new: &'a System) -> Option<&'a spec::Migration> {
    let begins = matches!(difference.change, Change::Added | Change::Replaced);
    new.services.get(&difference.service).filter(|_| begins)?.migrate.as_ref()
}

fn service<'a>(name: &ServiceName, old: &'a System, new: &'a System) -> Option<&'a Service> {
    new.services.get(name).or_else(|| old.services.get(name))
}
