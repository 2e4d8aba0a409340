//! A rollout as plain lines, one a change.

use model::{
    api::{RolloutService, RolloutSide, RolloutStatus},
    spec::Side,
};

use super::picture::{phase, strategy, success_percent};
use crate::text;

/// A line for where it stands and one for each service, of those that are not as they were; all if there was nothing
/// before. A new step shows every service again, with its figures.
pub(super) fn changes(before: Option<&RolloutStatus>, after: &RolloutStatus) -> String {
    let before = before.filter(|before| before.number == after.number);
    let stands = |status: &RolloutStatus| format!("{}, {}: {}", strategy(status), phase(status), status.what);
    let mut text = String::new();
    if before.map(&stands) != Some(stands(after)) {
        text.push_str(&format!("release {}  {}\n", after.to, stands(after)));
    }
    let same_step = before.filter(|before| (before.step, before.phase) == (after.step, after.phase));
    let width = after.services.iter().map(|service| service.service.as_str().len()).max().unwrap_or(0);
    for service in &after.services {
        let was = same_step.and_then(|before| before.services.iter().find(|old| old.service == service.service));
        if was.map(instances) != Some(instances(service)) {
            text.push_str(&format!("  {:<width$}  {}\n", service.service, sides(service)));
        }
    }
    text
}

fn instances(service: &RolloutService) -> Vec<(Side, u32, u32)> {
    service.sides.iter().map(|side| (side.side, side.healthy, side.wanted)).collect()
}

/// `old 2/2 99.98% 4.2ms, new 1/2`.
fn sides(service: &RolloutService) -> String {
    service.sides.iter().map(side).collect::<Vec<_>>().join(", ")
}

fn side(side: &RolloutSide) -> String {
    let success = success_percent(side).map(|percent| format!(" {percent}%")).unwrap_or_default();
    let p99 = side.p99_us.map(|p99| format!(" {}", text::latency(p99))).unwrap_or_default();
    format!("{} {}/{}{success}{p99}", side.side, side.healthy, side.wanted)
}
