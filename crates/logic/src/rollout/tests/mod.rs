//! Rollouts under a clock of their own: each rule by itself, and all of them in a world that goes wrong at random.

mod anew;
mod bench;
mod rules;
mod simulation;
mod world;

use std::time::Duration;

use model::{
    Timestamp,
    spec::{Scarce, Side, Step, Strategy, Terms, WEIGHT_MAX, Wait},
};

use super::*;

const START: Timestamp = Timestamp(1_790_000_000_000_000);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn target(service: &str, old: u32, new: u32) -> Target {
    let terms = Terms { healthy_deadline: seconds(60), ..Terms::default() };
    Target { service: service.parse().expect("a name"), old, new, terms, waves: Waves::default(), wakes: false }
}

fn plan(strategy: Strategy, targets: &[(&str, u32, u32)]) -> Plan {
    let targets = targets.iter().map(|(service, old, new)| target(service, *old, *new)).collect();
    Plan { targets, strategy, migration: None, progress_deadline: seconds(120), one_way: false }
}

fn canary(weights: &[u16], judged: Option<Scarce>) -> Strategy {
    let step = |weight: &u16| Step { weight: *weight, wait: Wait::For(seconds(10)) };
    Strategy::Canary { steps: weights.iter().map(step).collect(), judged, keep: seconds(30) }
}

fn blue_green(preview: Wait) -> Strategy {
    Strategy::BlueGreen { preview, keep: seconds(30) }
}

fn show(action: &Action) -> String {
    match action {
        Action::Route(Routing { traffic, hold, .. }) => {
            let hold = if *hold { " and hold" } else { "" };
            match traffic {
                Traffic::Alike => format!("route alike{hold}"),
                Traffic::Share(share) => format!("route {share}{hold}"),
            }
        }
        Action::Migrate => "migrate".into(),
        Action::StopMigration => "stop migration".into(),
        Action::Run(instance) => format!("run {}", name(instance)),
        Action::Confirm(instance) => format!("confirm {}", name(instance)),
        Action::Stop(instance) => format!("stop {}", name(instance)),
        Action::Judge(step) => format!("judge {step}"),
        Action::Finish(Outcome::Promoted) => "promoted".into(),
        Action::Finish(Outcome::RolledBack { cause, whole }) => {
            format!("rolled back{}: {cause}", if *whole { "" } else { " in part" })
        }
    }
}

fn name(Instance { service, side, number }: &Instance) -> String {
    format!("{service}.{}{number}", if *side == Side::Old { "old" } else { "new" })
}
