//! What is counted of rollouts and of cold starts.

use logic::rollout::Command;
use model::{
    api::{Conflict, Deploy, RolloutPhase},
    figures::{RolloutOutcomes, SystemFigures},
    spec::Side,
};

use super::{
    super::SystemHandle,
    BY_HAND,
    world::{World, begun},
};

async fn figures(world: &World) -> SystemFigures {
    world.system.figures().await.expect("it runs")
}

/// Deploys a program and waits until it can be looked at.
async fn preview(world: &World, program: &str, conflict: Conflict) {
    let begun = begun(world.deploy(program, Deploy { conflict, ..Deploy::default() }).await).await;
    world.rollout("the preview", |it| it.number == begun.number && it.paused).await;
    assert_eq!(figures(world).await.rollout, Some((RolloutPhase::Advancing, true)));
}

/// Waits until an end is remembered and so many are counted; which release runs.
async fn counted(world: &World, rollouts: RolloutOutcomes) -> Option<u64> {
    let are = |it: &SystemFigures| it.rollouts == rollouts && it.rollout.is_none();
    let figures = |system: SystemHandle| async move { system.figures().await.filter(are) };
    world.until("the end to be counted", figures).await.release
}

#[tokio::test]
async fn rollouts_are_counted_by_how_they_end() {
    let world = World::up(BY_HAND).await;
    let none = RolloutOutcomes::default();
    assert_eq!((figures(&world).await.rollouts, figures(&world).await.release), (none, Some(1)));

    preview(&world, "2", Conflict::default()).await;
    world.system.say(Command::Promote).await.unwrap();
    let promoted = RolloutOutcomes { promoted: 1, ..none };
    assert_eq!(counted(&world, promoted).await, Some(2));

    preview(&world, "3", Conflict::default()).await;
    let web = world.system.service("web".parse().unwrap()).await.unwrap();
    let new = web.instances.iter().find(|instance| instance.side == Some(Side::New)).unwrap();
    world.ends(&new.id).await;
    let rolled_back = RolloutOutcomes { rolled_back: 1, ..promoted };
    assert_eq!(counted(&world, rolled_back).await, Some(2));

    preview(&world, "4", Conflict::default()).await;
    preview(&world, "5", Conflict::Supersede).await;
    world.system.abort(None).await.unwrap();
    let all = RolloutOutcomes { superseded: 1, aborted: 1, ..rolled_back };
    assert_eq!(counted(&world, all).await, Some(2));

    world.manifest("replicas = 2", BY_HAND);
    begun(world.deploy("2", Deploy::default()).await).await;
    let adjusted = RolloutOutcomes { promoted: 2, ..all };
    assert_eq!(counted(&world, adjusted).await, Some(6), "nothing had to be replaced");
}

/// The platform process is killed as it remembers the end, before and after that says which release runs.
#[tokio::test]
async fn an_end_is_counted_by_the_process_that_remembers_it() {
    let none = RolloutOutcomes::default();
    let (promoted, aborted) = (RolloutOutcomes { promoted: 1, ..none }, RolloutOutcomes { aborted: 1, ..none });
    for (command, ended) in [(Command::Promote, promoted), (Command::Abort, aborted)] {
        for is_written in [false, true] {
            let (world, _) = World::in_preview().await;
            world.records.hold("last-rollout:");
            world.system.say(command).await.unwrap();
            world.records.reached().await;
            if is_written {
                world.records.hold("rollout:");
                world.records.reached().await;
            }
            assert_eq!(figures(&world).await.rollouts, none);
            let world = world.reboot().await;
            counted(&world, ended).await;
        }
    }
}

#[tokio::test]
async fn a_start_that_a_request_waits_for_is_a_cold_one() {
    let world = World::up("").await;
    assert!(figures(&world).await.cold_starts.is_empty(), "nothing may sleep");
    world.manifest("replicas = { min = 0, max = 2, concurrency = 1, window = \"1s\" }", "");
    begun(world.deploy("1", Deploy::default()).await).await;
    let counts = || async { figures(&world).await.cold_starts.into_values().map(|it| it.count).collect::<Vec<_>>() };
    assert_eq!(counts().await, [0], "it served already");
    for times in 1..=2 {
        world.has("web", 0).await;
        world.calls("web").await;
        world.has("web", 1).await;
        assert_eq!(counts().await, [times]);
    }
    world.has("web", 0).await;
    world.system.scale("web".parse().unwrap(), Some(1)).await.unwrap();
    world.has("web", 1).await;
    assert_eq!(counts().await, [2], "nobody waited for it");
    world.calls("web").await;
    world.system.scale("web".parse().unwrap(), Some(2)).await.unwrap();
    world.has("web", 2).await;
    assert_eq!(counts().await, [2], "it did not sleep");
}
