//! The pipeline: what is wanted is read, built and stored. Until it ends, nothing that runs is touched.

use std::{collections::BTreeMap, sync::Arc};

use logic::release::{Counts, Difference};
use model::{
    ServiceName,
    api::{Change, DeployPlan},
    spec::System,
};
use ports::clock::Clock;
use tokio::sync::mpsc;

use super::{
    Artifact, Failed, Look, Release, Releases, Vault, Way,
    document::Parts,
    failed::{CALLERS_LEFT, NOT_IN_PLACE},
    releases::NewRelease,
    view::{view, view_of},
    wanted::{self, Wanted},
};
use crate::{Config, build::Builder, messaging::Ensure, supervisor::Input};

/// Makes releases.
#[derive(Clone)]
pub(crate) struct Preparer {
    pub(crate) config: Arc<Config>,
    pub(crate) builder: Builder,
    pub(crate) releases: Releases,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where topics and buckets are made.
    pub(crate) streams: Option<Ensure>,
    /// Hears of each service that is built.
    pub(crate) inputs: mpsc::Sender<Input>,
}

/// What a deploy starts from.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) release: Arc<Release>,
    /// The instances of its services.
    pub(crate) counts: Counts,
}

/// A release that is stored and can run.
pub(crate) struct Prepared {
    pub(crate) release: Arc<Release>,
    pub(crate) way: Way,
    /// The values of its secrets.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// What a deploy came to.
pub(crate) enum Deployed {
    /// Nothing differs.
    Nothing(DeployPlan),
    /// It can be rolled out.
    Release(Prepared),
}

impl Preparer {
    /// The release that the system comes up with: the newest one if nothing has changed since, and else the next.
    pub(crate) async fn first(&self) -> Result<Prepared, Failed> {
        self.or_tidy(&self.config.system, self.first_release()).await
    }

    async fn first_release(&self) -> Result<Prepared, Failed> {
        let wanted = Wanted::of(&self.config, self.config.text.clone(), self.config.system.clone(), &[])?;
        let before = match self.releases.ledger().running() {
            Some(number) => self.releases.read(number).await.ok(),
            None => None,
        };
        let jobs = wanted.system.services.iter().map(|(name, spec)| wanted.job(name, spec)).collect();
        let services = self.build(&wanted, jobs, before.as_deref()).await?;
        let (text, system) = (wanted.text, wanted.system);
        let release = self.add(NewRelease { text, system, services }, true).await?;
        let number = release.number;
        let unmigrated = logic::release::unmigrated(before.as_deref().map(view).as_ref(), &view(&release));
        self.releases
            .change(|ledger| ledger.comes_up_with(number, unmigrated))
            .await
            .map_err(super::ReleaseError::from)?;
        Ok(Prepared { release, way: Way::Forward, secrets: wanted.secrets })
    }

    /// The recorded release with which the system goes on, whole; and the one that is rolled out, if any is and as far as that can be.
    pub(crate) async fn again(&self, release: Arc<Release>, coming: Option<Arc<Release>>) -> Result<Prepared, Failed> {
        // A platform that is replaced has instances that run there; a host that comes up may have lost some of what was written last.
        let look = if self.config.resumed { Look::Mark } else { Look::Content };
        self.releases.restore_all(&release, look).await?;
        if let Some(coming) = coming {
            // What is missing fails at its start, and the release is taken back with that reason.
            let _ = self.releases.restore_all(&coming, look).await;
        }
        // Of what runs, each service says itself what it lacks.
        let secrets = if self.config.resumed {
            self.config.secrets.given(&release.system)
        } else {
            self.config.secrets.read(&release.system).map_err(Failed::manifest)?
        };
        Ok(Prepared { release, way: Way::Forward, secrets })
    }

    /// The secrets of what runs, as far as they are given.
    pub(crate) fn vault(&self, system: &System) -> Vault {
        // A key that cannot be read is told by the first that needs it, and is missed by values of another release only.
        let key = wanted::key(&self.config.state).unwrap_or_default();
        Vault::new(key, self.config.secrets.given(system))
    }

    /// What a deploy would do. Nothing is built: the inputs tell what differs.
    pub(crate) async fn plan(&self, only: &[ServiceName], running: &Running, index: u64) -> Result<DeployPlan, Failed> {
        let wanted = self.wanted(only, running)?;
        let system = wanted.system.clone();
        let mut services = BTreeMap::new();
        for (name, spec) in &system.services {
            let parts = match kept(name, only, &running.release) {
                Some(parts) => parts,
                None => {
                    let job = wanted.job(name, spec);
                    let inputs = self.builder.inputs(&job).await.map_err(|error| Failed::build(name, error))?;
                    let mut parts = wanted.parts(job);
                    parts.artifact = inputs.map(|inputs| Artifact::unbuilt(inputs.hash));
                    parts
                }
            };
            services.insert(name.clone(), parts);
        }
        let differences = differences(only, running, &system, &services)?;
        self.could_ensure(&running.release.system, &system).await?;
        Ok(plan(&differences, running, &system, index))
    }

    /// Makes the release that the manifest asks for now, of these services or of all.
    pub(crate) async fn deploy(&self, only: &[ServiceName], running: &Running) -> Result<Deployed, Failed> {
        self.or_tidy(&running.release.system, self.next_release(only, running)).await
    }

    async fn next_release(&self, only: &[ServiceName], running: &Running) -> Result<Deployed, Failed> {
        let wanted = self.wanted(only, running)?;
        let system = wanted.system.clone();
        let mut services = BTreeMap::new();
        let mut jobs = Vec::new();
        for (name, spec) in &system.services {
            match kept(name, only, &running.release) {
                Some(parts) => drop(services.insert(name.clone(), parts)),
                None => jobs.push(wanted.job(name, spec)),
            }
        }
        services.extend(self.build(&wanted, jobs, Some(&running.release)).await?);
        let differences = differences(only, running, &system, &services)?;
        let plan = plan(&differences, running, &system, self.releases.ledger().index());
        if plan.services.is_empty() && plan.others.is_empty() {
            return Ok(Deployed::Nothing(plan));
        }
        self.ensure(&system).await?;
        let new = NewRelease { text: wanted.text, system, services };
        let release = self.add(new, false).await?;
        Ok(Deployed::Release(Prepared { release, way: Way::Forward, secrets: wanted.secrets }))
    }

    /// Stores a release; one more than is kept goes for it.
    pub(super) async fn add(&self, new: NewRelease, comes_up: bool) -> Result<Arc<Release>, Failed> {
        let release = self.releases.add(new, self.clock.now(), comes_up).await?;
        self.tidy(&release.system).await;
        Ok(release)
    }

    /// Makes a release. What a failure has left of it goes: a disk that it has filled has room for the next one.
    async fn or_tidy<T>(&self, system: &System, made: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        let made = made.await;
        if made.is_err() {
            self.tidy(system).await;
        }
        made
    }

    /// Removes the releases that are not kept. What cannot be removed does no harm, and the next deploy tries again.
    async fn tidy(&self, system: &System) {
        let _ = self.releases.tidy(&system.kept, self.clock.now()).await;
    }

    /// Makes the topics and buckets that there are not yet; others stay.
    async fn ensure(&self, system: &System) -> Result<(), Failed> {
        let Some(streams) = &self.streams else { return Ok(()) };
        streams.all(system).await.map_err(|error| Failed::streams(&error))
    }

    /// Whether that could be. What another server refuses, only that knows, when it is asked to do it; and Isles' own is not started
    /// for a question.
    async fn could_ensure(&self, old: &System, new: &System) -> Result<(), Failed> {
        let is_asked = new.nats.is_none() && !old.streams().is_empty();
        let Some(streams) = self.streams.as_ref().filter(|_| is_asked) else { return Ok(()) };
        streams.could(new).await.map_err(|error| Failed::streams(&error))
    }

    /// What is wanted, of all services or of some.
    fn wanted(&self, only: &[ServiceName], running: &Running) -> Result<Wanted, Failed> {
        let old = &running.release.system;
        let (text, new) = wanted::manifest(&self.config.manifest, &self.config.folder)?;
        let is_known = |name: &&ServiceName| new.services.contains_key(*name) || old.services.contains_key(*name);
        if let Some(name) = only.iter().find(|name| !is_known(name)) {
            return Err(Failed::unknown_service(name, "neither the manifest nor what runs has it"));
        }
        let system = logic::release::only(old, &new, only);
        check(old, &system)?;
        Wanted::of(&self.config, text, system, only)
    }
}

/// What a service keeps that is not among those to deploy.
fn kept(name: &ServiceName, only: &[ServiceName], running: &Release) -> Option<Parts> {
    if only.is_empty() || only.contains(name) {
        return None;
    }
    running.bundles.get(name).map(|bundle| Parts::of(bundle))
}

/// What differs, if all of it can be started.
fn differences(
    only: &[ServiceName],
    running: &Running,
    system: &System,
    services: &BTreeMap<ServiceName, Parts>,
) -> Result<Vec<Difference>, Failed> {
    let all = logic::release::compare(&view(&running.release), &view_of(system, services));
    let starts = |name: &ServiceName| {
        let change = all.iter().find(|difference| difference.service == *name).map(|difference| difference.change);
        only.contains(name) && change.is_none()
            || matches!(change, Some(Change::Added | Change::Replaced | Change::Second))
    };
    let in_place = services.iter().find(|(name, parts)| parts.artifact.is_none() && starts(name));
    match in_place {
        Some((name, _)) => Err(Failed::not_restorable(name, "it runs in place, so it cannot be deployed")),
        None => Ok(all),
    }
}

fn plan(differences: &[Difference], running: &Running, system: &System, index: u64) -> DeployPlan {
    let old = &running.release.system;
    let rollout = logic::release::rollout(differences, old, system, &running.counts);
    DeployPlan {
        index,
        from: running.release.number,
        strategy: rollout.map(|plan| logic::release::strategy_name(&plan.strategy).to_owned()),
        overruled: logic::release::overruled(differences, old, system),
        services: logic::release::planned(differences, old, system, &running.counts),
        others: logic::release::others(old, system),
    }
}

/// Whether a system can follow another in place.
pub(super) fn check(old: &System, new: &System) -> Result<(), Failed> {
    if let Some(fixed) = logic::release::fixed(old, new) {
        let cause = format!("{} cannot change while the system is up: {}", fixed.what, fixed.why);
        let hint = "run `isles down` and `isles up`, or change it back";
        return Err(Failed::new(&NOT_IN_PLACE, cause, hint));
    }
    match logic::release::dangling(new) {
        None => Ok(()),
        Some(missing) => {
            let cause = format!("{} names `{}`, which is not there then", missing.by, missing.service);
            let hint = "deploy those that name it too, or keep it";
            Err(Failed::new(&CALLERS_LEFT, cause, hint))
        }
    }
}
