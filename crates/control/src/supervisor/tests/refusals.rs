//! Rollouts that cannot begin, or whose state cannot be stored.

use logic::rollout::Command;
use model::api::{Deploy, Rollback};

use super::{
    BY_HAND, Work,
    world::{World, begun, refused},
};

#[tokio::test]
async fn a_rollout_that_cannot_be_stored_says_so_and_goes_on_once_it_can_be() {
    let world = World::up(BY_HAND).await;
    world.records.fail(Some("rollout:"));
    assert_eq!(refused(world.deploy("2", Deploy::default()).await).await, "not-stored");
    let said = "the state of the rollout cannot be stored (the log: no storage space): it waits for that";
    let status = world.system.rollout().await.unwrap();
    assert_eq!((status.to, status.what.as_str()), (2, said));
    let is_noticed = async || world.system.status(false).await.unwrap().notices.contains(&said.to_owned());
    assert!(is_noticed().await);
    let refused = world.system.say(Command::Pause).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.reason.as_str()),
        (507, "not-stored"),
        "each is answered when it is tried again"
    );
    world.has("web", 1).await;

    world.records.fail(None);
    let stored = world.rollout("it to be stored", |it| it.what != said).await;
    assert!(stored.paused && !is_noticed().await, "what was asked for has been done");
    world.system.say(Command::Resume).await.unwrap();
    world.rollout("the preview", |it| it.paused).await;
    world.has("web", 2).await;
    world.system.say(Command::Promote).await.unwrap();
    world.rollout("the end", |it| it.ended_at.is_some()).await;
}

#[tokio::test]
async fn a_rollout_that_is_too_large_is_refused_and_nothing_has_changed() {
    let world = World::up("").await;
    let service = |number| {
        format!("[services.s{number}]\ndir = \"web\"\nrun = \"./web\"\nartifact = [\"web\"]\nreplicas = 1000\n")
    };
    world.manifest("", &(0..11).map(service).collect::<String>());
    assert_eq!(refused(world.deploy("1", Deploy::default()).await).await, "rollout-too-large");
    assert_eq!(world.system.rollout().await.unwrap_err().reason, "no-rollout");
    world.manifest("", "");
    assert_eq!(begun(world.deploy("2", Deploy::default()).await).await.number, 1);
}

#[tokio::test]
async fn a_rollback_that_is_refused_stores_no_release() {
    let clock = |run: &str| format!("[services.clock]\ndir = \"web\"\nrun = \"{run}\"\n");
    let world = World::up(&clock("./web 1")).await;
    world.manifest("", &clock("./web 2"));
    let world = world.down_and_up().await;
    let rollback = Rollback { service: Some("clock".parse().unwrap()), to: Some(1) };
    assert_eq!(refused(world.ask(Work::Rollback(rollback)).await).await, "not-restorable", "it runs in place");
    let stored = async |number: u64| world.records.read(&format!("release:{number}")).await.is_some();
    assert!(stored(2).await && !stored(3).await);
}
