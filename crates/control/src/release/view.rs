//! Releases as `logic::release` compares them.

use std::collections::BTreeMap;

use logic::release::{Unit, View};
use model::{ServiceName, spec::System};

use super::{Bundle, Release, document::Parts};

/// A release.
pub(crate) fn view(release: &Release) -> View<'_> {
    let units = release.bundles.iter().map(|(name, bundle)| (name, unit_of(bundle)));
    View { system: &release.system, units: units.collect() }
}

/// What is not stored yet.
pub(super) fn view_of<'a>(system: &'a System, services: &'a BTreeMap<ServiceName, Parts>) -> View<'a> {
    let unit = |parts: &'a Parts| Unit {
        spec: &parts.spec,
        artifact: parts.artifact.as_ref().map(|artifact| artifact.inputs.as_str()),
        env_file: &parts.env_file,
        secrets: &parts.secrets,
    };
    View { system, units: services.iter().map(|(name, parts)| (name, unit(parts))).collect() }
}

fn unit_of(bundle: &Bundle) -> Unit<'_> {
    Unit {
        spec: &bundle.spec,
        artifact: bundle.artifact.as_ref().map(|artifact| artifact.inputs.as_str()),
        env_file: &bundle.env_file,
        secrets: &bundle.secrets,
    }
}
