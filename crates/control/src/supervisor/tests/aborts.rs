//! A person aborts what is made, what is rolled out and what waits.

use model::api::{Deploy, Rollback, RolloutPhase};

use super::{
    BY_HAND, Outcome, Work,
    builds::{BUILD, building},
    world::{World, answer, begun, refused},
};

/// Why an abort was refused.
async fn unheard(world: &World, queued: Option<u32>) -> String {
    world.system.abort(queued).await.map(drop).expect_err("it is refused").reason
}

#[tokio::test]
async fn what_is_built_is_ended() {
    let (world, building) = building(BUILD).await;
    assert_eq!(world.system.abort(None).await.unwrap(), None);
    assert_eq!(refused(building).await, "aborted");
    assert_eq!(world.records.read("release:3").await, None, "nothing is stored of it");
    assert_eq!(unheard(&world, None).await, "no-rollout");
    world.manifest("", "");
    assert_eq!(begun(world.deploy("4", Deploy::default()).await).await.from, 2);
}

#[tokio::test]
async fn what_waits_goes_on_in_order_when_another_one_is_aborted() {
    let (world, building) = building(BUILD).await;
    let mut waiting = Vec::new();
    for number in 1..=3 {
        waiting.push(world.deploy("4", Deploy::default()).await);
        world.rollout("it to wait", |it| it.queued == number).await;
    }
    assert_eq!(
        (unheard(&world, Some(0)).await, unheard(&world, Some(4)).await),
        ("not-queued".into(), "not-queued".into())
    );
    assert_eq!(world.system.abort(Some(2)).await.unwrap(), None);
    assert_eq!(refused(waiting.remove(1)).await, "aborted");
    assert_eq!(world.system.rollout().await.unwrap().queued, 2);
    world.manifest("", "");
    assert_eq!(world.system.abort(None).await.unwrap(), None);
    assert_eq!(refused(building).await, "aborted");
    let last = waiting.pop().expect("two are left");
    let first = begun(waiting.remove(0)).await;
    assert_eq!((first.from, first.to), (2, 3), "the one that came first");
    assert!(matches!(answer(last).await, Ok(Outcome::Plan(_))), "then nothing differs");
}

#[tokio::test]
async fn a_release_that_is_stored_already_is_not_rolled_out() {
    let world = World::up(BY_HAND).await;
    world.records.hold("release:2");
    let stored = world.deploy("2", Deploy::default()).await;
    world.records.reached().await;
    let aborted = async { world.system.abort(None).await.unwrap() };
    let second = async {
        // By its answer the first one was heard too.
        let second = world.system.abort(Some(1)).await;
        world.records.release();
        second.unwrap_err().reason
    };
    assert_eq!(tokio::join!(aborted, second), (None, "not-queued".into()));
    assert_eq!(refused(stored).await, "aborted");
    let third = begun(world.deploy("3", Deploy::default()).await).await;
    assert_eq!((third.number, third.to), (1, 3));
    let ledger = world.records.read("releases:").await.expect("it is written with the rollout");
    assert_eq!(ledger["taken_back"]["2"], "a person has aborted it before its rollout began");
}

#[tokio::test]
async fn a_rollback_that_waits_is_given_up() {
    let (world, _) = World::in_preview().await;
    let waiting = world.ask(Work::Rollback(Rollback { to: Some(9), service: None })).await;
    world.rollout("it to wait", |it| it.queued == 1).await;
    assert_eq!(world.system.abort(Some(1)).await.unwrap(), None);
    assert_eq!(refused(waiting).await, "aborted");
    assert!(world.system.rollout().await.unwrap().paused, "what is under way goes on");
}

#[tokio::test]
async fn of_a_rollout_and_what_waits_the_rollout_is_aborted() {
    let (world, _) = World::in_preview().await;
    let waiting = world.deploy("3", Deploy::default()).await;
    let status = world.system.abort(None).await.unwrap().expect("it had begun");
    assert_eq!((status.to, status.phase), (2, RolloutPhase::Restoring));
    let next = begun(waiting).await;
    assert_eq!((next.from, next.to), (1, 3));
}

#[tokio::test]
async fn what_waits_for_the_end_of_the_last_one_to_be_remembered_is_what_is_next() {
    let world = World::up("").await;
    world.records.hold("last-rollout:");
    begun(world.deploy("2", Deploy::default()).await).await;
    world.records.reached().await;
    let (first, second) = (world.deploy("3", Deploy::default()).await, world.deploy("3", Deploy::default()).await);
    world.rollout("both to wait", |it| it.queued == 2).await;
    assert_eq!(world.system.abort(None).await.unwrap(), None);
    assert_eq!(refused(first).await, "aborted");
    world.records.release();
    assert_eq!(begun(second).await.to, 3);
}

#[tokio::test]
async fn that_one_was_aborted_is_known_after_a_kill() {
    let (world, _) = World::in_preview().await;
    world.system.abort(None).await.unwrap();
    let end = world.rollout("the end", |it| it.ended_at.is_some()).await;
    // It begins once the end is remembered, and waits for a person itself.
    begun(world.deploy("3", Deploy::default()).await).await;
    let world = world.killed(Vec::new()).await;
    assert_eq!(world.system.rollout_of(end.number).await, Ok(end.clone()));
    let why = world.system.why("web".parse().unwrap()).await.unwrap();
    let known = why.events.iter().find(|event| event.what == "release 1 serves again: it was aborted");
    assert_eq!(known.map(|event| event.at), end.ended_at);
}
