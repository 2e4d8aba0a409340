//! `retries`, `retry_budget` and `hedge`: sending a request again.

use model::spec::Policy;

use crate::{keys::RETRY_BUDGET, read::Cx, table::Table};

const RETRIES_MAX: u32 = 10;
const PER_SECOND_MAX: u32 = 100_000;

/// Fills the keys in.
pub(super) fn fill<'a>(cx: &mut Cx<'a>, table: &Table<'a>, policy: &mut Policy) {
    cx.fill_integer(table, "retries", 0..=RETRIES_MAX, &mut policy.retries);
    cx.fill_boolean(table, "hedge", &mut policy.hedge);
    let Some(entry) = table.get("retry_budget") else { return };
    let Some(budget) = cx.table(&entry, format!("{}.retry_budget", table.name)) else { return };
    budget.check_keys(cx, &RETRY_BUDGET);
    cx.fill_integer(&budget, "percent", 0..=100, &mut policy.retry_budget.percent);
    cx.fill_integer(&budget, "per_second_min", 0..=PER_SECOND_MAX, &mut policy.retry_budget.per_second_min);
    if policy.retries == 0 && !policy.hedge {
        let finding = cx.report.warning(&entry.span, "a retry budget without retries");
        finding.hint("remove it, or set `retries` to 1 or more");
        if let Some(retries) = table.get("retries") {
            finding.label(&retries.span, "no retries");
        }
    }
}
