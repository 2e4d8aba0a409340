//! What becomes of a rollout when everything ends, and what ran last comes up again.

use logic::rollout::Command;
use model::api::{Deploy, RolloutPhase};
use serde_json::json;
use tokio::time::timeout;

use super::{
    super::Outcome,
    BY_HAND,
    world::{PATIENCE, World, answer, begun},
};

async fn notices(world: &World) -> Vec<String> {
    world.system.status(false).await.expect("it runs").notices
}

/// Waits until the ledger says so.
async fn ledger(world: &World, key: &str, value: serde_json::Value) {
    let says = |_| async { world.records.read("releases:").await.filter(|ledger| ledger[key] == value) };
    world.until(&format!("{key} to be {value}"), says).await;
}

#[tokio::test]
async fn a_rollout_goes_on_and_is_noted_as_such() {
    let (world, before) = World::in_preview().await;
    let world = world.reboot().await;
    let after = world.rollout("the preview", |it| it.services[0].sides[1].healthy == 1).await;
    assert_eq!((after.number, after.to, after.paused, after.phase), (before.number, 2, true, before.phase));
    ledger(&world, "coming", json!({ "rollout": 2 })).await;
    assert_eq!(notices(&world).await, ["the rollout of release 2 goes on: see `isles rollout --watch`"]);
    world.system.say(Command::Abort).await.expect("it goes on");
    world.rollout("the end", |it| it.phase == RolloutPhase::RolledBack).await;
    ledger(&world, "taken_back", json!({ "2": "it was aborted" })).await;
    let ended = "the rollout of release 2 went on and has ended: release 1 serves alone: it was aborted";
    assert_eq!(notices(&world).await, [ended]);
}

#[tokio::test]
async fn a_rollout_that_is_over_leaves_the_release_that_it_went_to() {
    let (world, _) = World::in_preview().await;
    world.records.hold("last-rollout:");
    world.system.say(Command::Promote).await.expect("it waits for that");
    world.records.reached().await;
    let world = world.reboot().await;
    ledger(&world, "ran", json!([1, 2])).await;
    world.has("web", 1).await;
    let web = world.system.service("web".parse().unwrap()).await.expect("it runs");
    assert_eq!(web.instances[0].release, Some(2));
    let plan = world.deploy("2", Deploy { dry_run: true, ..Deploy::default() }).await;
    let Ok(Outcome::Plan(plan)) = answer(plan).await else { panic!("it is a plan") };
    assert_eq!((plan.from, plan.services.len()), (2, 0), "nothing differs from what runs");
}

/// Begins a restart, whose new instance is not remembered when this happens: why it came to nothing.
async fn restart_during(world: &World, happens: impl Future<Output = ()>) -> String {
    world.records.hold("instance:web/1#2");
    let restarted = timeout(PATIENCE, world.system.restart("web".parse().expect("it is a name")));
    let meanwhile = async {
        world.records.reached().await;
        happens.await;
    };
    let (restarted, ()) = tokio::join!(restarted, meanwhile);
    restarted.expect("it is answered").expect_err("it is given up").reason
}

#[tokio::test]
async fn a_restart_is_overtaken_by_a_rollout() {
    let world = World::up(BY_HAND).await;
    let rolled_out = async { drop(begun(world.deploy("2", Deploy::default()).await).await) };
    assert_eq!(restart_during(&world, rolled_out).await, "overtaken", "its instances are being replaced");
    world.records.release();
    world.rollout("the preview", |it| it.paused).await;
    world.system.say(Command::Abort).await.expect("it is under way");
    world.has("web", 1).await;
    let web = world.system.service("web".parse().unwrap()).await.expect("it runs");
    assert_eq!(web.instances[0].id.to_string(), "web/1#1", "the old one stayed");
}

#[tokio::test]
async fn whoever_waits_while_isles_is_replaced_is_told_so() {
    let world = World::up(BY_HAND).await;
    assert_eq!(restart_during(&world, world.end()).await, "being-replaced");
    assert_eq!(world.system.rollout().await.expect_err("nobody answers").reason, "being-replaced");
    let world = World::up("").await;
    let system = world.system.clone();
    world.down_and_up().await;
    assert_eq!(system.rollout().await.expect_err("nobody answers").reason, "shutting-down");
}
