//! Restoring: a release's files at the paths where they were.

use std::collections::BTreeMap;

use model::{ServiceName, api::Change, spec::System};

use super::{
    Artifact, Failed, Release, ReleaseError, Releases,
    document::Parts,
    releases::blocking,
    tree::Tree,
    view::{view, view_of},
};
use crate::build;

/// How closely a folder is looked at before it is taken for what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is marked as whole.
    Mark,
    /// All that is in it is as it was stored: programs can write there, and a host can lose its power.
    Content,
}

impl Releases {
    /// Makes sure that the folder of a service is there.
    pub(super) async fn restore_artifact(
        &self,
        name: &ServiceName,
        artifact: &Artifact,
        look: Look,
    ) -> Result<(), ReleaseError> {
        let root = self.folders().root(name, &artifact.inputs);
        let (store, files) = (self.store.clone(), artifact.files.clone());
        let work = move || {
            if !build::is_whole(&root) {
                Tree::read(&store, &files)?.restore(&store, &root)?;
                super::store::at(&root, build::mark_whole(&root))?;
            } else if look == Look::Content {
                Tree::read(&store, &files)?.mend(&store, &root)?;
            }
            Ok(())
        };
        blocking(work).await
    }

    /// Removes a build that is of no use.
    pub(super) async fn discard_build(&self, name: &ServiceName, inputs: &str) -> Result<(), ReleaseError> {
        let root = self.folders().root(name, inputs);
        blocking(move || Ok(super::store::at(&root, build::discard(&root))?)).await
    }

    /// The same for every service of a release.
    pub(crate) async fn restore_all(&self, release: &Release, look: Look) -> Result<(), Failed> {
        for (name, bundle) in &release.bundles {
            if let Some(artifact) = &bundle.artifact {
                self.restore_artifact(name, artifact, look).await?;
            }
        }
        Ok(())
    }

    /// The same for what a rollout from a release to these services starts; an error if something of that runs in place.
    pub(super) async fn restore_changed(
        &self,
        from: &Release,
        system: &System,
        services: &BTreeMap<ServiceName, Parts>,
    ) -> Result<(), Failed> {
        for difference in logic::release::compare(&view(from), &view_of(system, services)) {
            let name = &difference.service;
            if matches!(difference.change, Change::Adjusted | Change::Removed) {
                continue;
            }
            let Some(parts) = services.get(name) else { continue };
            let Some(artifact) = &parts.artifact else {
                return Err(Failed::not_restorable(name, "it runs in place, and its files are not stored"));
            };
            self.restore_artifact(name, artifact, Look::Content).await?;
        }
        Ok(())
    }
}
