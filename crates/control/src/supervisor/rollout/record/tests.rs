//! Records of rollouts in the journal of a node.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use logic::rollout::{Machine, Snapshot, Target};
use model::spec::System;
use ports::streams::{Expect, KeyValue};
use serde_json::{Value, json};
use streams::Buckets;

use super::*;
use crate::{records::Records, release::Release};

const AT: u64 = 1_790_000_000_000_000;

/// The state of a rollout of services with so many instances of both releases each, as it was stored while all was one value.
fn snapshot(services: u32, old: u32, new: u32) -> Value {
    let time = |secs: u64| json!({ "secs": secs, "nanos": 0 });
    let report = json!({ "seq": 12_345, "state": { "Ended": "exited with code 101" }, "since": AT, "at": AT });
    let member = json!({ "asked_at": AT, "stops": true, "report": report, "was_ready": false });
    let members = |count: u32| (0..count).map(|_| member.clone()).collect::<Vec<_>>();
    let target = |number: u32| {
        let terms = json!({
            "max_surge": 1, "max_unavailable": 0, "min_healthy_time": time(1), "healthy_deadline": time(300),
        });
        let service = format!("a-service-with-a-long-name-as-some-have-{number:04}");
        json!({ "service": service, "old": old, "new": new, "terms": terms, "waves": { "old": 0, "new": 0 }, "wakes": false })
    };
    let targets: Vec<_> = (1..=services).map(target).collect();
    let pair = |target: &Value| json!({ "target": target, "old": members(old), "new": members(new) });
    let pairs: Vec<_> = targets.iter().map(pair).collect();
    json!({
        "plan": {
            "targets": targets, "strategy": "Rolling", "migration": null, "progress_deadline": time(600), "one_way": false,
        },
        "pairs": pairs, "phase": "Rolling", "progressed_at": AT, "waits_since": null,
        "routing": { "epoch": 1, "traffic": "Alike", "hold": false }, "acknowledged": 1, "paused": false,
        "verdict": null, "migration": "Over", "cause": null, "seen_at": AT,
    })
}

/// A rollout in this state, each of whose instances has a slot.
fn rollout(number: u64, snapshot: Value) -> Rollout {
    let snapshot: Snapshot = serde_json::from_value(snapshot).expect("it is a state");
    let instances = snapshot.pairs().iter().flat_map(|pair| {
        let target = snapshot.plan().targets.iter().find(|target| target.service == *pair.service());
        let Target { service, old, new, .. } = target.expect("it is one of the plan");
        let of = |side, count: &u32| (1..=*count).map(move |number| (side, number));
        let all = of(Side::Old, old).chain(of(Side::New, new));
        let instance = |(side, number)| Instance { service: service.clone(), side, number };
        all.map(instance).zip(1..).collect::<Vec<_>>()
    });
    let places = instances.collect();
    let release = |number| {
        let system = Arc::new(System::new("shop".parse().expect("it is a name")));
        Arc::new(Release { number, at: Timestamp(AT), system, bundles: BTreeMap::new() })
    };
    Rollout::new(number, (release(1), release(2)), Timestamp(AT), Machine::restore(snapshot, []), places)
}

fn journal(folder: &Path) -> (Arc<Buckets>, Records) {
    let buckets = Arc::new(Buckets::new(folder.into()));
    (buckets.clone(), Records::new(buckets))
}

/// What the journal in a folder holds of a rollout.
async fn stored(folder: &Path) -> Option<RolloutRecord> {
    journal(folder).1.load().await.expect("it can be read").rollout
}

fn assert_same(record: &RolloutRecord, rollout: &Rollout) {
    assert!(record.snapshot() == *rollout.machine.snapshot() && record.places() == rollout.places);
    assert_eq!((record.whole.number, record.whole.seq), (rollout.number, rollout.seq));
}

#[tokio::test]
async fn a_thousand_services_of_two_instances_are_stored_and_each_change_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut rollout = rollout(1, snapshot(1_000, 2, 2));
    let (_, records) = journal(folder.path());
    let all = rollout.take_change().unwrap();
    assert_eq!(all.parts.len(), 1_000);
    let bytes = |record: &RolloutRecord| -> usize {
        let parts = record.parts.values().map(|part| serde_json::to_vec(part).unwrap().len());
        serde_json::to_vec(&record.whole).unwrap().len() + parts.sum::<usize>()
    };
    assert!(bytes(&all) < 1_100_000, "about a kilobyte each: {}", bytes(&all));
    records.put_rollout(&all).await.unwrap();
    assert!(rollout.take_change().is_none());

    let (moved, _) =
        rollout.places.iter_mut().nth(1_234).map(|(instance, slot)| (instance.clone(), *slot += 4)).unwrap();
    rollout.seq += 1;
    let change = rollout.take_change().unwrap();
    assert_eq!(change.parts.keys().collect::<Vec<_>>(), [&moved.service]);
    assert!(bytes(&change) < 4_000, "{}", bytes(&change));
    records.put_rollout(&change).await.unwrap();
    drop(records);
    assert_same(&stored(folder.path()).await.unwrap(), &rollout);
}

/// Of each old instance up to three are started on the way back.
#[tokio::test]
async fn the_largest_rollout_that_may_begin_can_be_stored_whatever_happens() {
    let folder = tempfile::tempdir().unwrap();
    let mut rollout = rollout(1, snapshot(2_500, 4 * 3, 0));
    let (_, records) = journal(folder.path());
    records.put_rollout(&rollout.take_change().unwrap()).await.unwrap();
    records.forget_rollout().await.unwrap();
    drop(records);
    assert!(stored(folder.path()).await.is_none());
}

#[tokio::test]
async fn a_record_that_is_one_value_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut rollout = rollout(3, snapshot(2, 2, 1));
    let places: Vec<_> = rollout.places.iter().collect();
    let older = json!({
        "number": 3, "from": 1, "to": 2, "began_at": AT, "snapshot": snapshot(2, 2, 1), "places": places, "seq": 0,
        "migrated": [], "problem": null,
    });
    let (buckets, records) = journal(folder.path());
    buckets.put("system", "rollout:", older.to_string().into(), Expect::Any).await.unwrap();
    assert_same(&records.load().await.unwrap().rollout.unwrap(), &rollout);
    records.put_rollout(&rollout.take_change().unwrap()).await.unwrap();
    drop((buckets, records));
    assert_same(&stored(folder.path()).await.unwrap(), &rollout);
}

#[tokio::test]
async fn parts_of_an_earlier_rollout_are_none_of_this_one_and_all_of_its_own_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let (buckets, records) = journal(folder.path());
    let (mut earlier, mut rollout) = (rollout(1, snapshot(3, 1, 1)), rollout(2, snapshot(2, 1, 1)));
    for rollout in [&mut earlier, &mut rollout] {
        records.put_rollout(&rollout.take_change().unwrap()).await.unwrap();
    }
    assert_same(&records.load().await.unwrap().rollout.unwrap(), &rollout);
    let part = buckets.list("system", "rollout:a").await.unwrap().swap_remove(0);
    buckets.delete("system", &part.key, Expect::Any).await.unwrap();
    assert!(records.load().await.unwrap().rollout.is_none());
}
