//! `balance`: how an instance is picked.

use model::spec::{Balance, HashKey};

use crate::{
    keys::{BALANCE, HASH},
    read::Cx,
    table::{Entry, Table},
};

const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=1000;
const SLOTS_MAX: usize = 1000;
const LOAD_PERCENT: std::ops::RangeInclusive<u32> = 101..=10_000;
const LOAD_PERCENT_DEFAULT: u32 = 125;
const WEIGHTED: &str = "{ weighted = [3, 1] }";
const HASHED: &str = "{ hash = { header = \"x-user\" } }";

/// The balancer, if there is one of that name.
pub(super) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Option<Balance> {
    if entry.value.is_table() {
        let table = cx.table(entry, name)?;
        table.check_keys(cx, &BALANCE);
        return of_table(cx, entry, &table);
    }
    if entry.value.as_str().is_none() {
        cx.wrong_type(entry, "a string or a table", &format!("`balance = \"peak-ewma\"` or `balance = {WEIGHTED}`"));
        return None;
    }
    let word = cx.text(entry, "\"peak-ewma\"")?;
    let names = [
        ("peak-ewma", Ok(Some(Balance::PeakEwma))),
        ("least-request", Ok(Some(Balance::LeastRequest))),
        ("round-robin", Ok(Some(Balance::RoundRobin))),
        ("weighted", Err(("weights", WEIGHTED))),
        ("hash", Err(("a key", HASHED))),
    ];
    let choices: Vec<_> = names.iter().map(|(name, balance)| (*name, balance)).collect();
    match cx.choice(&word, "balancer", &choices)? {
        Ok(balance) => balance.clone(),
        Err((needs, example)) => {
            let finding = cx.report.error(&word.span, format!("the balancer `{}` needs {needs}", word.value));
            finding.hint(format!("write `balance = {example}`"));
            None
        }
    }
}

fn of_table<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, table: &Table<'a>) -> Option<Balance> {
    match (table.get("weighted"), table.get("hash")) {
        (Some(weights), None) => Some(Balance::Weighted { weights: weighted(cx, &weights)? }),
        (None, Some(key)) => hash(cx, &key, format!("{}.hash", table.name)),
        (first, second) => {
            let both = first.is_some() && second.is_some();
            let message = if both { "two balancers at a time" } else { "`balance` names no balancer" };
            cx.report.error(&entry.span, message).hint(format!("write `{WEIGHTED}` or `{HASHED}`")).absence();
            None
        }
    }
}

fn weighted<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Vec<u32>> {
    let items = entry.value.as_array().filter(|items| (1..=SLOTS_MAX).contains(&items.len()));
    let integer = |item: &toml::Spanned<toml::de::DeValue<'a>>| {
        let integer = item.get_ref().as_integer()?;
        u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|weight| WEIGHTS.contains(weight))
    };
    let weights = items.and_then(|items| items.iter().map(integer).collect());
    if weights.is_none() {
        let finding =
            cx.report.error(&entry.span, "`weighted` must be an array of 1 to 1000 weights, each from 1 to 1000");
        finding.hint("write the weight of the first slot, of the second and so on: `weighted = [3, 1]`");
    }
    weights
}

fn hash<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Option<Balance> {
    if !entry.value.is_table() {
        cx.wrong_type(entry, "a table", "`hash = { header = \"x-user\" }`");
        return None;
    }
    let table = cx.table(entry, name)?;
    table.check_keys(cx, &HASH);
    let mut load_percent_max = LOAD_PERCENT_DEFAULT;
    cx.fill_integer(&table, "load_percent_max", LOAD_PERCENT, &mut load_percent_max);
    let keys: Vec<_> = ["header", "cookie", "path"].iter().filter_map(|key| table.get(key)).collect();
    let [key] = keys.as_slice() else {
        let message = if keys.is_empty() { "`hash` does not say of what" } else { "`hash` of more than one key" };
        let finding = cx.report.error(&entry.span, message);
        finding.hint("write one of `header = \"x-user\"`, `cookie = \"sid\"` and `path = true`").absence();
        return None;
    };
    let key = hash_key(cx, key)?;
    Some(Balance::Hash { key, load_percent_max })
}

fn hash_key<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<HashKey> {
    match entry.key {
        "header" => Some(HashKey::Header(cx.header(entry)?)),
        "cookie" => Some(HashKey::Cookie(cx.cookie(entry)?)),
        _ if cx.boolean(entry)? => Some(HashKey::Path),
        _ => {
            cx.report.error(&entry.span, "`hash` by no path").hint("write `path = true`, or another key");
            None
        }
    }
}
