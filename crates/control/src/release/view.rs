//! Releases as `logic::release` compares them.

use std::{collections::BTreeMap, sync::Arc};

use logic::release::{Unit, View, parts};
use model::{Gather, ServiceName, spec::System};

use super::{Bundle, BundleId, Release, Releases, document::Parts, releases::blocking};

/// A release.
pub(crate) fn view(release: &Release) -> View<'_> {
    let units = release.bundles.iter().map(|(name, bundle)| (name, unit_of(bundle)));
    View { system: &release.system, units: units.gather() }
}

impl Releases {
    /// Whether an instance that was started with one bundle may go on under another one of its service. What is not kept any
    /// more is not known to be alike.
    pub(crate) async fn may_go_on(&self, started: &BundleId, under: &Arc<Bundle>) -> bool {
        if *started == under.id {
            return true;
        }
        let (this, started, under) = (self.clone(), started.clone(), under.clone());
        let compare = move || {
            let started = Bundle::read(&this.store, &started, &this.folders())?;
            Ok(!parts(unit_of(&started), unit_of(&under)).iter().any(|part| part.needs_instances))
        };
        blocking(compare).await.unwrap_or(false)
    }
}

/// What is not stored yet.
pub(super) fn view_of<'a>(system: &'a System, services: &'a BTreeMap<ServiceName, Parts>) -> View<'a> {
    let unit = |parts: &'a Parts| Unit {
        spec: &parts.spec,
        artifact: parts.artifact.as_ref().map(|artifact| artifact.inputs.as_str()),
        env_file: &parts.env_file,
        secrets: &parts.secrets,
    };
    View { system, units: services.iter().map(|(name, parts)| (name, unit(parts))).gather() }
}

fn unit_of(bundle: &Bundle) -> Unit<'_> {
    Unit {
        spec: &bundle.spec,
        artifact: bundle.artifact.as_ref().map(|artifact| artifact.inputs.as_str()),
        env_file: &bundle.env_file,
        secrets: &bundle.secrets,
    }
}
