//! The artifacts of a release: services are built, several at once, and what comes of it is stored.

use std::collections::BTreeMap;

use model::ServiceName;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    Artifact, Failed, Preparer, Release,
    document::{Folders, Parts},
    failed::BUILD_FAILED,
    restore::Look,
    store::{Batch, ObjectId},
    tree::Tree,
    wanted::Wanted,
};
use crate::{
    build::{GAVE_UP, Job},
    supervisor::Input,
};

impl Preparer {
    /// Builds services, several at once. The first failure ends the others.
    pub(super) async fn build(
        &self,
        wanted: &Wanted,
        jobs: Vec<Job>,
        before: Option<&Release>,
    ) -> Result<BTreeMap<ServiceName, Parts>, Failed> {
        let mut building = JoinSet::new();
        let mut services = BTreeMap::new();
        let given_up = self.builder.closing.child_token();
        for job in jobs {
            let known = before.and_then(|release| release.bundles.get(&job.name)?.artifact.clone());
            let (this, name, given_up) = (self.clone(), job.name.clone(), given_up.clone());
            services.insert(name.clone(), wanted.parts(job.clone()));
            building.spawn(async move {
                let made = this.make(&job, known, &given_up).await;
                let failure = made.as_ref().err().map(|failed| failed.trouble.clone());
                // The supervisor ends only when everything does.
                let _ = this.inputs.send(Input::Built(name.clone(), failure)).await;
                (name, made)
            });
        }
        let mut failure = None;
        while let Some(ended) = building.join_next().await {
            match ended {
                Ok((name, Ok(artifact))) => {
                    if let Some(parts) = services.get_mut(&name) {
                        parts.artifact = artifact;
                    }
                }
                Ok((_, Err(failed))) => {
                    failure.get_or_insert(failed);
                    given_up.cancel();
                }
                Err(error) => {
                    let cause = format!("a build was given up: {error}");
                    failure.get_or_insert(Failed::new(&BUILD_FAILED, cause, ""));
                }
            }
        }
        if given_up.is_cancelled() {
            // Nothing is stored of what nobody wants any more.
            failure.get_or_insert_with(|| Failed::new(&BUILD_FAILED, GAVE_UP, ""));
        }
        failure.map_or(Ok(services), Err)
    }

    /// The artifact of a service: the known one if its files are the same, so that nothing is started anew for nothing.
    async fn make(
        &self,
        job: &Job,
        known: Option<Artifact>,
        given_up: &CancellationToken,
    ) -> Result<Option<Artifact>, Failed> {
        let failed = |error| Failed::build(&job.name, error);
        let Some(inputs) = self.builder.inputs(job).await.map_err(failed)? else { return Ok(None) };
        if let Some(known) = known.as_ref().filter(|known| known.inputs == inputs.hash) {
            self.releases.restore_artifact(&job.name, known, Look::Mark).await?;
            return Ok(Some(known.clone()));
        }
        // The sources may have changed meanwhile: what is built is named by what was copied.
        let hash = self.builder.build(job, inputs, given_up).await.map_err(failed)?;
        let stored = self.store(&job.name, &hash).await;
        if stored.as_ref().is_err_and(Failed::is_of_a_full_disk) {
            // One that nobody can deploy must not keep the disk full.
            self.releases.discard_build(&job.name, &hash).await?;
        }
        let files = stored?;
        Ok(Some(known.filter(|known| known.files == files).unwrap_or(Artifact { inputs: hash, files })))
    }

    async fn store(&self, name: &ServiceName, hash: &str) -> Result<ObjectId, Failed> {
        let (name, hash) = (name.clone(), hash.to_owned());
        let store = move |batch: &mut Batch, folders: &Folders| Tree::store(&folders.root(&name, &hash), batch);
        Ok(self.releases.take_in(store).await?)
    }
}
