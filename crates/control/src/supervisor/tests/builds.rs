//! A build that is under way holds nothing up that a person wants more.

use std::time::Duration;

use model::api::{Conflict, Deploy, Rollback};
use tokio::sync::oneshot;

use super::{
    Answer, Outcome, Work,
    world::{World, answer, begun, refused},
};

pub(super) const BUILD: &str = "build = \"make\"";

/// Release 2 runs, and the build of the next one never ends by itself.
pub(super) async fn building(keys: &str) -> (World, oneshot::Receiver<Answer<Outcome>>) {
    let world = World::up("").await;
    begun(world.deploy("2", Deploy::default()).await).await;
    world.rollout("the end", |it| it.ended_at.is_some()).await;
    world.manifest(keys, "");
    let building = world.deploy("3", Deploy::default()).await;
    world.rollout("the build", |it| it.queued == 0).await;
    (world, building)
}

#[tokio::test]
async fn a_rollback_takes_the_place_of_what_is_built() {
    let (world, building) = building(BUILD).await;
    let back = begun(world.ask(Work::Rollback(Rollback { to: None, service: None })).await).await;
    assert_eq!((back.from, back.to), (2, 1));
    assert_eq!(refused(building).await, "superseded");
}

#[tokio::test]
async fn a_deploy_that_supersedes_ends_the_build() {
    let (world, building) = building(BUILD).await;
    world.manifest("", "");
    let next = begun(world.deploy("4", Deploy { conflict: Conflict::Supersede, ..Deploy::default() }).await).await;
    assert_eq!((next.from, next.to), (2, 3));
    assert_eq!(refused(building).await, "superseded");
}

#[tokio::test]
async fn nobody_waits_for_a_build_whose_client_has_left() {
    let (world, building) = building(BUILD).await;
    world.manifest("", "");
    let next = world.deploy("4", Deploy::default()).await;
    drop(building);
    assert_eq!(begun(next).await.from, 2);
}

#[tokio::test]
async fn a_build_has_a_deadline() {
    let (_world, building) = building(&format!("{BUILD}\nbuild_deadline = \"1ms\"")).await;
    let problem = answer(building).await.err().expect("it fails");
    assert_eq!(problem.reason, "build-failed");
    assert!(problem.detail.contains("`build_deadline`, 1ms"), "{problem:?}");
}

#[tokio::test]
async fn a_word_in_a_rollout_is_refused_before_that_has_begun() {
    let (world, mut building) = building(BUILD).await;
    let problem = world.system.say(logic::rollout::Command::Promote).await.unwrap_err();
    assert_eq!(problem.reason, "not-begun");
    assert!(tokio::time::timeout(Duration::ZERO, &mut building).await.is_err(), "it is built still");
}
