//! What only a canary has: its steps, who is in them, and how it is judged.

use std::time::Duration;

use model::spec::{Scarce, Step, Sticky, Strategy, Tolerance, WEIGHT_MAX, Wait};
use toml::de::DeValue;

use super::fill_wait;
use crate::{
    keys::{STEP, STICKY, TOLERANCE},
    number::parts,
    read::Cx,
    table::{Entry, Table},
};

const STEPS_MAX: usize = 100;
const WAIT: Wait = Wait::For(Duration::from_secs(60));
const REQUESTS: std::ops::RangeInclusive<u32> = 1..=1_000_000_000;
const LATENCY: std::ops::RangeInclusive<u32> = 100..=10_000;
const SCARCE: [(&str, Scarce); 3] = [("wait", Scarce::Wait), ("promote", Scarce::Promote), ("abort", Scarce::Abort)];
const EXAMPLE: &str = "`steps = [5, 25, 50]` or `steps = [{ weight = 5, wait = \"10m\" }, 50]`";

pub(super) fn default(keep: Duration) -> Strategy {
    let steps = [500, 2_500, 5_000].map(|weight| Step { weight, wait: WAIT });
    Strategy::Canary { steps: steps.into(), judged: Some(Scarce::Wait), keep }
}

pub(super) fn fill<'a>(cx: &mut Cx<'a>, table: &Table<'a>, steps: &mut Vec<Step>, judged: &mut Option<Scarce>) {
    if let Some(entry) = table.get("steps") {
        *steps = read_steps(cx, &entry, &format!("{}.steps", table.name)).unwrap_or_default();
    }
    if let Some(judge) = table.get("judge").and_then(|entry| cx.boolean(&entry)) {
        *judged = judge.then(|| judged.unwrap_or(Scarce::Wait));
    }
    let scarce = table.get("scarce").and_then(|entry| cx.text(&entry, "\"wait\""));
    let scarce = scarce.and_then(|word| cx.choice(&word, "way with too little traffic", &SCARCE));
    if judged.is_none() {
        unjudged(cx, table);
    } else if scarce.is_some() {
        *judged = scarce;
    }
}

fn unjudged(cx: &mut Cx, table: &Table) {
    for entry in ["scarce", "tolerance"].iter().filter_map(|key| table.get(key)) {
        let finding = cx.report.error(&entry.key_span, format!("`{}` where nothing is judged", entry.key));
        finding.hint("write `judge = true`, or remove it");
        if let Some(judge) = table.get("judge") {
            finding.label(&judge.span, "nothing is judged");
        }
    }
}

fn read_steps<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: &str) -> Option<Vec<Step>> {
    let Some(items) = entry.value.as_array() else {
        cx.wrong_type(entry, "an array", EXAMPLE);
        return None;
    };
    if items.is_empty() || items.len() > STEPS_MAX {
        let finding = cx.report.error(&entry.span, format!("`steps` must have 1 to {STEPS_MAX} steps"));
        finding.hint(format!("write {EXAMPLE}"));
    }
    let mut steps: Vec<Step> = Vec::new();
    for item in items.iter().take(STEPS_MAX) {
        let item = Entry { value: item.get_ref(), span: item.span(), ..entry.clone() };
        let Some(step) = read_step(cx, &item, name) else { continue };
        if steps.last().is_some_and(|last| last.weight >= step.weight) {
            let finding = cx.report.error(&item.span, "a step has no more weight than the one before it");
            finding.hint("write the weights in growing order: everything follows the last of them");
        }
        steps.push(step);
    }
    Some(steps)
}

fn read_step<'a>(cx: &mut Cx<'a>, item: &Entry<'a>, name: &str) -> Option<Step> {
    match item.value {
        DeValue::Integer(_) | DeValue::Float(_) => Some(Step { weight: weight(cx, item)?, wait: WAIT }),
        DeValue::Table(_) => {
            let table = cx.table(item, name.into())?;
            table.check_keys(cx, &STEP);
            let mut step = Step { weight: 0, wait: WAIT };
            fill_wait(cx, &table, "wait", &mut step.wait);
            let Some(entry) = table.get("weight") else {
                cx.report.error(&item.span, "a step has no weight").hint(format!("write {EXAMPLE}")).absence();
                return None;
            };
            step.weight = weight(cx, &entry)?;
            Some(step)
        }
        _ => {
            let finding = cx.report.error(&item.span, "a step must be a number or a table");
            finding.hint(format!("write {EXAMPLE}"));
            None
        }
    }
}

fn weight(cx: &mut Cx, entry: &Entry) -> Option<u16> {
    let weight = hundredths(entry, 1..=u32::from(WEIGHT_MAX));
    if weight.is_none() {
        let finding = cx.report.error(&entry.span, "a weight must be from 0.01 to 100 percent, in hundredths");
        finding.hint("write `5` for one request of twenty, `0.01` for one of ten thousand");
    }
    weight.and_then(|weight| u16::try_from(weight).ok())
}

/// Reads whom the steps choose, and what is tolerated of the new release.
pub(super) fn fill_traffic<'a>(cx: &mut Cx<'a>, table: &Table<'a>, sticky: &mut Sticky, tolerance: &mut Tolerance) {
    if let Some(entry) = table.get("sticky") {
        *sticky = read_sticky(cx, &entry, format!("{}.sticky", table.name)).unwrap_or_default();
    }
    if let Some(entry) = table.get("tolerance") {
        fill_tolerance(cx, &entry, format!("{}.tolerance", table.name), tolerance);
    }
}

fn read_sticky<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Option<Sticky> {
    let table = cx.table(entry, name)?;
    table.check_keys(cx, &STICKY);
    match (table.get("header"), table.get("cookie")) {
        (Some(header), None) => cx.header(&header).map(Sticky::Header),
        (None, Some(cookie)) => cx.cookie(&cookie).map(Sticky::Cookie),
        (header, _) => {
            let message = if header.is_some() { "`sticky` by two keys" } else { "`sticky` does not say by what" };
            let finding = cx.report.error(&entry.span, message);
            finding.hint("write one of `header = \"x-user\"` and `cookie = \"sid\"`").absence();
            None
        }
    }
}

fn fill_tolerance<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String, tolerance: &mut Tolerance) {
    let Some(table) = cx.table(entry, name) else { return };
    table.check_keys(cx, &TOLERANCE);
    if let Some(entry) = table.get("failures") {
        match hundredths(&entry, 0..=u32::from(WEIGHT_MAX)).and_then(|failures| u16::try_from(failures).ok()) {
            Some(failures) => tolerance.failures = failures,
            None => {
                let finding = cx.report.error(&entry.span, "`failures` must be from 0 to 100 percent, in hundredths");
                finding.hint("write `0.2` for two more failures in a thousand requests");
            }
        }
    }
    if let Some(entry) = table.get("latency") {
        match hundredths(&entry, LATENCY) {
            Some(latency) => tolerance.latency_percent = latency,
            None => {
                let finding = cx.report.error(&entry.span, "`latency` must be a factor from 1 to 100, in hundredths");
                finding.hint("write `1.25` for a quarter more than the old release takes");
            }
        }
    }
    let requests = table.get("requests").and_then(|entry| cx.integer(&entry, REQUESTS));
    tolerance.requests_min = requests.map_or(tolerance.requests_min, u64::from);
}

/// Hundredths within a range.
fn hundredths(entry: &Entry, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
    parts(entry.value, 100).filter(|parts| range.contains(parts))
}
