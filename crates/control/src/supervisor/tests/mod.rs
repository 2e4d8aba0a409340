//! Deploys and rollbacks one after the other, in a simulated runtime whose records can be held back.

mod aborts;
mod builds;
mod counts;
mod figures;
mod kept;
mod migrations;
mod reboot;
mod records;
mod refusals;
mod secrets;
mod world;

use logic::rollout::Command;
use model::api::{Conflict, Deploy, Rollback, RolloutPhase};

use super::{Answer, Outcome, Work};
use world::{World, answer, begun, refused};

/// It waits for a person before it has any requests.
const BY_HAND: &str = "strategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"0s\"\n";

#[tokio::test]
async fn a_rollout_begins_once_the_end_of_the_last_one_is_remembered() {
    let (world, first) = World::in_preview().await;
    world.records.hold("last-rollout:");
    world.system.say(Command::Promote).await.unwrap();
    world.rollout("the end", |it| it.ended_at.is_some()).await;
    world.records.reached().await;

    let second = world.deploy("3", Deploy::default()).await;
    for _ in 0..3 {
        let status = world.system.rollout().await.unwrap();
        assert_eq!((status.number, status.queued), (first.number, 1), "it waits");
    }
    world.records.release();
    let second = begun(second).await;
    assert_eq!(second.number, first.number + 1);
    world.rollout("the next preview", |it| it.paused).await;
    let end = world.system.rollout_of(first.number).await.map(|status| status.phase);
    assert_eq!(end, Ok(RolloutPhase::Promoted), "who watches it sees its end");
    assert_eq!(world.system.rollout_of(9).await.unwrap_err().reason, "no-rollout");
    let record = world.records.read("rollout:").await.expect("it is under way");
    assert_eq!(record["number"], second.number);
    assert_eq!(world.records.read("last-rollout:").await.expect("one ended")["number"], first.number);
}

#[tokio::test]
async fn a_service_is_scaled_once_the_end_of_its_rollout_is_remembered() {
    let world = World::up("").await;
    world.records.hold("slots:web");
    begun(world.deploy("2", Deploy::default()).await).await;
    world.rollout("the end", |it| it.ended_at.is_some()).await;
    world.records.reached().await;
    let (web, system) = ("web".parse().unwrap(), world.system.clone());
    let scaled = async { system.scale(web, Some(3)).await };
    let release = async {
        assert_eq!(world.system.service("web".parse().unwrap()).await.unwrap().replicas, 1, "it waits");
        world.records.release();
    };
    let (scaled, ()) = tokio::join!(scaled, release);
    assert_eq!(scaled.unwrap().replicas, 3);
}

#[tokio::test]
async fn a_deploy_is_answered_when_its_rollout_is_stored() {
    let world = World::up(BY_HAND).await;
    world.records.hold("rollout:");
    let mut answered = world.deploy("2", Deploy::default()).await;
    world.records.reached().await;
    let status = world.system.rollout().await.unwrap();
    assert_eq!((status.to, status.phase), (2, RolloutPhase::Preparing));
    assert!(answered.try_recv().is_err(), "if the platform ended now, it would be forgotten");
    world.records.release();
    assert_eq!(begun(answered).await.number, status.number);
    let ledger = world.records.read("releases:").await.unwrap();
    assert_eq!(ledger["coming"], serde_json::json!({ "rollout": 2 }));
}

#[tokio::test]
async fn a_deploy_whose_client_has_left_is_given_up() {
    let world = World::up(BY_HAND).await;
    world.records.hold("release:2");
    let made = world.deploy("2", Deploy::default()).await;
    world.records.reached().await;
    let waiting = world.deploy("3", Deploy::default()).await;
    let last = world.deploy("4", Deploy::default()).await;
    drop((made, waiting));
    world.records.release();
    let status = begun(last).await;
    assert_eq!((status.number, status.to, status.queued), (1, 3, 0), "nothing else was rolled out");
}

#[tokio::test]
async fn a_deploy_takes_the_place_of_one_that_is_built() {
    let world = World::up(BY_HAND).await;
    world.records.hold("release:2");
    let first = world.deploy("2", Deploy::default()).await;
    world.records.reached().await;
    let other = world.deploy("3", Deploy { conflict: Conflict::Supersede, ..Deploy::default() }).await;
    world.records.release();
    assert_eq!(refused(first).await, "superseded");
    let status = begun(other).await;
    assert_eq!((status.number, status.to), (1, 3), "the rollout of the first one never began");
}

#[tokio::test]
async fn only_a_rollback_to_the_release_before_takes_back_what_is_under_way() {
    let (world, paused) = World::in_preview().await;
    let to = |to| Work::Rollback(Rollback { to: Some(to), service: None });
    let of = |service: &str| Work::Rollback(Rollback { to: None, service: Some(service.parse().unwrap()) });
    let (unknown, nobody) = (world.ask(to(9)).await, world.ask(of("nobody")).await);
    let status = world.rollout("both to wait", |it| it.queued == 2).await;
    assert_eq!((status.number, status.phase), (paused.number, paused.phase), "it is as it was");
    let undone = begun(world.ask(of("web")).await).await;
    assert_eq!((undone.number, undone.phase), (paused.number, RolloutPhase::Restoring));
    assert_eq!((refused(unknown).await, refused(nobody).await), ("unknown-release".into(), "overtaken".into()));
    let status = world.system.rollout().await.unwrap();
    assert_eq!((status.number, status.phase), (paused.number, RolloutPhase::RolledBack));
}

#[tokio::test]
async fn a_rollback_goes_back_from_what_was_to_run_when_it_was_asked_for() {
    let world = World::up("").await;
    for program in ["2", "3"] {
        begun(world.deploy(program, Deploy::default()).await).await;
        world.rollout("the end", |it| it.to.to_string() == program && it.ended_at.is_some()).await;
    }
    let back = || Work::Rollback(Rollback { to: None, service: None });
    let (first, second) = (world.ask(back()).await, world.ask(back()).await);
    world.records.hold("rollout:");
    world.records.reached().await;
    let third = world.ask(back()).await;
    world.rollout("both to wait", |it| it.queued == 2).await;
    world.records.release();
    assert_eq!(begun(first).await.to, 2);
    assert_eq!((refused(second).await, refused(third).await), ("overtaken".into(), "overtaken".into()));
    world.rollout("the end", |it| it.to == 2 && it.ended_at.is_some()).await;
    assert_eq!(begun(world.ask(back()).await).await.to, 1);
}

#[tokio::test]
async fn an_index_is_compared_before_anything_is_superseded() {
    let (world, paused) = World::in_preview().await;
    let plan = answer(world.deploy("3", Deploy { dry_run: true, ..Deploy::default() }).await).await;
    let Ok(Outcome::Plan(plan)) = plan else { panic!("it is a plan") };
    let supersedes = |index| Deploy { if_match: Some(index), conflict: Conflict::Supersede, ..Deploy::default() };
    assert_eq!(refused(world.deploy("3", supersedes(plan.index - 1)).await).await, "index-moved");
    assert_eq!(world.system.rollout().await.unwrap(), paused, "it goes on");
    assert_eq!(begun(world.deploy("3", supersedes(plan.index)).await).await.to, 3);
}

#[tokio::test]
async fn a_rollout_during_which_the_system_goes_down_is_told_as_over() {
    let (world, _) = World::in_preview().await;
    let world = world.down_and_up().await;
    let status = world.system.rollout().await.unwrap();
    assert_eq!((status.number, status.to, status.phase), (1, 2, RolloutPhase::RolledBack));
    assert!(status.ended_at.is_some());
    assert_eq!(status.problem.unwrap().cause, "the system was stopped meanwhile");
    assert_eq!(world.records.read("rollout:").await, None);
    let notices = world.system.status(false).await.unwrap().notices;
    assert!(notices.contains(&"the rollout of release 2 does not go on: the system was stopped meanwhile".to_owned()));
}
