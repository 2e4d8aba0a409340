//! Rollbacks: an earlier release as a whole, or one service as it was in one.

use std::{collections::BTreeMap, sync::Arc};

use model::{Gather, ServiceName, api::Rollback, spec::System};

use super::{
    Failed, Prepared, Preparer, Release, Running, Way, document::Parts, failed::NOTHING_TO_ROLL_BACK_TO,
    prepare::check, releases::NewRelease,
};

impl Preparer {
    /// Makes sure that what shall be gone back to can run.
    pub(crate) async fn rollback(&self, wanted: &Rollback, running: &Running) -> Result<Prepared, Failed> {
        let from = &running.release;
        let Some(service) = &wanted.service else {
            let release = self.earlier(wanted.to, from).await?;
            let secrets = self.ready(from, &release.system, &services(&release)).await?;
            return Ok(Prepared { release, way: Way::Back, secrets });
        };
        let new = self.with_earlier(service, wanted.to, from).await?;
        let secrets = self.ready(from, &new.system, &new.services).await?;
        let release = self.add(new, false).await?;
        Ok(Prepared { release, way: Way::Back, secrets })
    }

    /// Makes sure that the system can go to these services; their secrets.
    async fn ready(
        &self,
        from: &Release,
        system: &System,
        services: &BTreeMap<ServiceName, Parts>,
    ) -> Result<BTreeMap<String, String>, Failed> {
        check(&from.system, system)?;
        self.releases.restore_changed(from, system, services).await?;
        self.config.secrets.read(system).map_err(Failed::manifest)
    }

    async fn earlier(&self, to: Option<u64>, from: &Release) -> Result<Arc<Release>, Failed> {
        let number =
            to.or_else(|| self.releases.ledger().previous()).ok_or_else(|| nothing("no release ran before"))?;
        if number == from.number {
            return Err(nothing(&format!("release {number} runs already")));
        }
        Ok(self.releases.read(number).await?)
    }

    /// The release that runs, but for one service; it is not stored yet.
    async fn with_earlier(&self, service: &ServiceName, to: Option<u64>, from: &Release) -> Result<NewRelease, Failed> {
        let earlier = match to {
            Some(number) => self.releases.read(number).await?,
            None => self.last_other(service, from).await?,
        };
        let Some(bundle) = earlier.bundles.get(service) else {
            let cause = format!("release {} has no such service", earlier.number);
            return Err(Failed::unknown_service(service, cause));
        };
        if from.bundles.get(service) == Some(bundle) {
            return Err(nothing(&format!("`{service}` is the same in release {}", earlier.number)));
        }
        let mut services = services(from);
        services.insert(service.clone(), Parts::of(bundle));
        let system = logic::release::only(&from.system, &earlier.system, std::slice::from_ref(service));
        let text = self.releases.manifest(from.number).await?;
        Ok(NewRelease { text, system: Arc::new(system), services })
    }

    /// The last release in which the service was another one.
    async fn last_other(&self, service: &ServiceName, from: &Release) -> Result<Arc<Release>, Failed> {
        for number in self.releases.ledger().ran().skip(1) {
            let release = self.releases.read(number).await?;
            if release.bundles.get(service).is_some_and(|bundle| from.bundles.get(service) != Some(bundle)) {
                return Ok(release);
            }
        }
        Err(nothing(&format!("`{service}` was never another one in a release that ran before")))
    }
}

fn services(release: &Release) -> BTreeMap<ServiceName, Parts> {
    release.bundles.iter().map(|(name, bundle)| (name.clone(), Parts::of(bundle))).gather()
}

fn nothing(cause: &str) -> Failed {
    Failed::new(&NOTHING_TO_ROLL_BACK_TO, cause, "see `isles releases`")
}
