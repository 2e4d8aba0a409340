//! `[buckets.NAME]` and `[objects.NAME]`: what buckets and object stores keep.

use std::{collections::BTreeMap, ops::RangeInclusive};

use model::{
    BucketName,
    spec::{Bucket, Objects},
};

use crate::{
    keys::{BUCKET, OBJECTS},
    read::Cx,
    service::Draft,
    table::{At, Table},
    topic::{age, or_none},
};

const HISTORY: RangeInclusive<u32> = 1..=64;
const BYTES: RangeInclusive<u64> = 1 << 20..=1 << 40;
const VALUE_BYTES: RangeInclusive<u64> = 1..=1 << 30;

pub(crate) fn buckets<'a>(cx: &mut Cx<'a>, root: &Table<'a>, drafts: &[Draft<'a>]) -> BTreeMap<BucketName, Bucket> {
    read(cx, root, "buckets", &names(drafts, |draft| &draft.buckets), |cx, table| {
        table.check_keys(cx, &BUCKET);
        let mut bucket = Bucket::default();
        cx.fill_integer(table, "history", HISTORY, &mut bucket.history);
        if let Some(entry) = table.get("ttl") {
            bucket.ttl = or_none(&entry, |entry| age(cx, entry), None);
        }
        if let Some(entry) = table.get("max_bytes") {
            bucket.max_bytes = or_none(&entry, |entry| cx.size_within(entry, BYTES), None);
        }
        if let Some(entry) = table.get("max_value") {
            bucket.max_value = or_none(&entry, |entry| cx.size_within(entry, VALUE_BYTES), None);
        }
        bucket
    })
}

pub(crate) fn objects<'a>(cx: &mut Cx<'a>, root: &Table<'a>, drafts: &[Draft<'a>]) -> BTreeMap<BucketName, Objects> {
    read(cx, root, "objects", &names(drafts, |draft| &draft.objects), |cx, table| {
        table.check_keys(cx, &OBJECTS);
        let mut objects = Objects::default();
        if let Some(entry) = table.get("ttl") {
            objects.ttl = or_none(&entry, |entry| age(cx, entry), None);
        }
        if let Some(entry) = table.get("max_bytes") {
            objects.max_bytes = or_none(&entry, |entry| cx.size_within(entry, BYTES), None);
        }
        objects
    })
}

fn names<'a>(drafts: &[Draft<'a>], places: impl for<'b> Fn(&'b Draft<'a>) -> &'b [At<&'a str>]) -> Vec<&'a str> {
    drafts.iter().flat_map(|draft| places(draft).iter().map(|place| place.value)).collect()
}

/// The tables of a key, each of a name that a service owns.
fn read<'a, T>(
    cx: &mut Cx<'a>,
    root: &Table<'a>,
    key: &str,
    owned: &[&str],
    settings: impl Fn(&mut Cx<'a>, &Table<'a>) -> T,
) -> BTreeMap<BucketName, T> {
    let entries = root.get(key).and_then(|entry| cx.table(&entry, key.into())).map(|table| table.entries());
    let mut all = BTreeMap::new();
    for entry in entries.unwrap_or_default() {
        let Some(table) = cx.table(&entry, format!("{key}.{}", entry.key)) else { continue };
        let settings = settings(cx, &table);
        match entry.key.parse::<BucketName>() {
            Ok(name) if owned.contains(&entry.key) => drop(all.insert(name, settings)),
            _ => {
                let finding = cx.report.error(&entry.key_span, format!("no service has `{}` in `{key}`", entry.key));
                finding.hint(format!("add it to the service that owns it: `{key} = [{:?}]`", entry.key)).absence();
            }
        }
    }
    all
}
