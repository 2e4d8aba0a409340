//! `[topics.NAME]`: what is kept of a topic, and for how long.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use model::{
    Gather, TopicName,
    spec::Topic,
    streams::{Discard, Durability, Redelivery, Retention},
};

use crate::{
    keys::{DURABILITY, TOPIC},
    read::Cx,
    table::{At, Entry, Table},
    topics,
};

const BYTES: RangeInclusive<u64> = 1 << 20..=1 << 40;
const MSGS: RangeInclusive<u32> = 1..=u32::MAX;
const DELIVERIES: RangeInclusive<u32> = 1..=1000;
const BACKOFFS_MAX: usize = 32;
/// JetStream takes no less.
const SHORTEST: Duration = Duration::from_millis(100);
const RETENTIONS: [(&str, Retention); 3] =
    [("limits", Retention::Limits), ("interest", Retention::Interest), ("workqueue", Retention::WorkQueue)];
const DURABILITIES: [(&str, Durability); 2] = [("always", Durability::Always), ("none", Durability::None)];
const INTERVAL: &str = "durability = { interval = \"10ms\" }";
const DISCARDS: [(&str, Discard); 2] = [("old", Discard::Old), ("new", Discard::New)];

/// Every topic that is published, with its settings.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, root: &Table<'a>) -> BTreeMap<TopicName, Topic> {
    let mut all: BTreeMap<_, _> = cx.topics.iter().map(|name| (name.clone(), Topic::default())).gather();
    let entries = root.get("topics").and_then(|entry| cx.table(&entry, "topics".into()));
    for entry in entries.map(|table| table.entries()).unwrap_or_default() {
        let name = At { value: entry.key, span: entry.key_span.clone() };
        let Some(table) = cx.table(&entry, format!("topics.{:?}", entry.key)) else { continue };
        if let Some(rest) = unquoted(&entry) {
            let hint =
                format!("write `[topics.\"{}.{rest}\"]`: without quotes a dot begins a table in a table", entry.key);
            cx.report.error(&name.span, "the name of the topic is not in quotes").hint(hint);
            continue;
        }
        let topic = settings(cx, &table);
        all.extend(declared(cx, &name).map(|name| (name, topic)));
    }
    all
}

fn declared(cx: &mut Cx, name: &At<&str>) -> Option<TopicName> {
    let topic = topics::topic(cx, name)?.value;
    if !cx.topics.contains(&topic) {
        topics::nobody_publishes(cx, name);
    }
    Some(topic)
}

/// The second word of a topic whose name is no string: `[topics.orders.placed]`.
fn unquoted<'a>(entry: &Entry<'a>) -> Option<&'a str> {
    let keys = entry.value.as_table()?.iter().filter(|(_, value)| value.get_ref().is_table());
    let mut names = keys.map(|(key, _)| key.get_ref().as_ref());
    names.find(|key| TOPIC.known().all(|known| known != *key))
}

fn settings<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Topic {
    table.check_keys(cx, &TOPIC);
    let mut topic = Topic::default();
    choose(cx, table, "retention", &RETENTIONS, &mut topic.retention);
    choose(cx, table, "discard", &DISCARDS, &mut topic.discard);
    if let Some(entry) = table.get("max_bytes") {
        topic.max_bytes = or_none(&entry, |entry| cx.size_within(entry, BYTES), topic.max_bytes);
    }
    if let Some(entry) = table.get("max_age") {
        topic.max_age = or_none(&entry, |entry| age(cx, entry), topic.max_age);
    }
    if let Some(entry) = table.get("max_msgs") {
        topic.max_msgs = or_none(&entry, |entry| cx.integer(entry, MSGS), topic.max_msgs);
    }
    if let Some(entry) = table.get("duplicate_window") {
        topic.duplicate_window = age(cx, &entry).unwrap_or(topic.duplicate_window);
    } else if let Some(age) = topic.max_age {
        topic.duplicate_window = topic.duplicate_window.min(age);
    }
    if let Some(entry) = table.get("durability") {
        topic.durability = durability(cx, &entry, format!("{}.durability", table.name)).unwrap_or_default();
    }
    redelivery(cx, table, &mut topic.redelivery);
    if let Some(age) = topic.max_age {
        cx.not_longer(table, ("duplicate_window", topic.duplicate_window), ("max_age", age));
    }
    topic
}

fn durability<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Option<Durability> {
    if !entry.value.is_table() {
        let word = cx.text(entry, "\"always\"")?;
        return cx.choice(&word, "durability", &DURABILITIES);
    }
    let table = cx.table(entry, name)?;
    table.check_keys(cx, &DURABILITY);
    let Some(interval) = table.get("interval") else {
        cx.report.error(&entry.span, "`durability` has no interval").hint(format!("write `{INTERVAL}`")).absence();
        return None;
    };
    let time = cx.duration(&interval)?;
    if !Durability::INTERVALS.contains(&time) {
        let hint = format!("write a time from 1ms to 1m, such as `{INTERVAL}`");
        cx.report.error(&interval.span, "`interval` is out of range").hint(hint);
    }
    Some(Durability::Interval(time))
}

fn redelivery<'a>(cx: &mut Cx<'a>, table: &Table<'a>, redelivery: &mut Redelivery) {
    if let Some(entry) = table.get("max_deliver") {
        redelivery.max_deliver = or_none(&entry, |entry| cx.integer(entry, DELIVERIES), redelivery.max_deliver);
    }
    cx.fill_boolean(table, "dead_letter", &mut redelivery.dead_letter);
    let Some(entry) = table.get("backoff") else { return };
    redelivery.backoff = cx.durations(&entry);
    if redelivery.backoff.len() > BACKOFFS_MAX {
        let message = format!("`backoff` has more than {BACKOFFS_MAX} durations");
        cx.report.error(&entry.span, message).hint("leave some out: the last one stays in force");
    }
    if let Some(most) = redelivery.max_deliver
        && most as usize <= redelivery.backoff.len()
    {
        let count = redelivery.backoff.len();
        let message = format!("`backoff` has {count} durations, and a message is delivered {most} times at the most");
        let finding = cx.report.error(&entry.span, message);
        finding.hint("make `max_deliver` more than there are durations: each is the wait before another delivery");
    }
}

fn choose<'a, T: Copy>(cx: &mut Cx<'a>, table: &Table<'a>, key: &str, choices: &[(&str, T)], value: &mut T) {
    let word = table.get(key).and_then(|entry| cx.text(&entry, &format!("{:?}", choices[0].0)));
    *value = word.and_then(|word| cx.choice(&word, key, choices)).unwrap_or(*value);
}

/// No bound if it is "none".
pub(crate) fn or_none<'a, T>(
    entry: &Entry<'a>,
    read: impl FnOnce(&Entry<'a>) -> Option<T>,
    default: Option<T>,
) -> Option<T> {
    if entry.value.as_str() == Some("none") { None } else { read(entry).or(default) }
}

pub(crate) fn age<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Duration> {
    let age = cx.duration(entry)?;
    if age < SHORTEST {
        let finding = cx.report.error(&entry.span, format!("`{}` is shorter than 100ms", entry.key));
        finding.hint("write a longer duration, such as \"1h\"");
    }
    Some(age)
}
