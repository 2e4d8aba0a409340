//! The families of releases and their rollouts.

use model::{
    api::RolloutPhase,
    figures::{RolloutOutcomes, SystemFigures},
};

use super::text::{Family, Kind};

/// Those of a rollout under way.
const PHASES: [(RolloutPhase, &str); 5] = [
    (RolloutPhase::Preparing, "preparing"),
    (RolloutPhase::Advancing, "advancing"),
    (RolloutPhase::Keeping, "keeping"),
    (RolloutPhase::Retiring, "retiring"),
    (RolloutPhase::Restoring, "restoring"),
];

pub(super) fn families(figures: &SystemFigures) -> [Family; 4] {
    [release(figures.release), phases(figures.rollout), paused(figures.rollout), outcomes(figures.rollouts)]
}

/// The number is the value: as a label, each release would begin a series.
fn release(number: Option<u64>) -> Family {
    let help = "The release that runs; while a rollout lasts, the one that it began from.";
    let mut family = Family::new("isles_release_number", Kind::Gauge, help);
    if let Some(number) = number {
        family.add(&Vec::new(), number);
    }
    family
}

fn phases(rollout: Option<(RolloutPhase, bool)>) -> Family {
    let mut family = Family::new("isles_rollout_phase", Kind::Gauge, "1 for the phase of the rollout under way.");
    let now = rollout.map(|(phase, _)| phase);
    for (phase, word) in PHASES {
        family.add(&vec![("phase", word.into())], u8::from(now == Some(phase)));
    }
    family
}

fn paused(rollout: Option<(RolloutPhase, bool)>) -> Family {
    let help = "1 while the rollout under way waits for a person.";
    let mut family = Family::new("isles_rollout_paused", Kind::Gauge, help);
    family.add(&Vec::new(), u8::from(rollout.is_some_and(|(_, is_paused)| is_paused)));
    family
}

fn outcomes(outcomes: RolloutOutcomes) -> Family {
    let mut family = Family::new("isles_rollouts_total", Kind::Counter, "Rollouts that ended, by how they ended.");
    let RolloutOutcomes { promoted, rolled_back, aborted, superseded } = outcomes;
    for (outcome, count) in
        [("promoted", promoted), ("rolled_back", rolled_back), ("aborted", aborted), ("superseded", superseded)]
    {
        family.add(&vec![("outcome", outcome.into())], count);
    }
    family
}
