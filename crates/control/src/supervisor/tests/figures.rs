//! What is counted of rollouts and of cold starts.

use logic::rollout::Command;
use model::{
    api::{Conflict, Deploy, RolloutPhase},
    figures::{RolloutOutcomes, SystemFigures},
    spec::Side,
};

use super::{
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

/// Waits for the end of the rollout; what has been counted, and which release runs.
async fn ended(world: &World) -> (RolloutOutcomes, Option<u64>) {
    world.rollout("the end", |it| it.ended_at.is_some()).await;
    let figures = figures(world).await;
    assert_eq!(figures.rollout, None);
    (figures.rollouts, figures.release)
}

#[tokio::test]
async fn rollouts_are_counted_by_how_they_end() {
    let world = World::up(BY_HAND).await;
    let none = RolloutOutcomes::default();
    assert_eq!((figures(&world).await.rollouts, figures(&world).await.release), (none, Some(1)));

    preview(&world, "2", Conflict::default()).await;
    world.system.say(Command::Promote).await.unwrap();
    let promoted = RolloutOutcomes { promoted: 1, ..none };
    assert_eq!(ended(&world).await, (promoted, Some(2)));

    preview(&world, "3", Conflict::default()).await;
    let web = world.system.service("web".parse().unwrap()).await.unwrap();
    let new = web.instances.iter().find(|instance| instance.side == Some(Side::New)).unwrap();
    world.ends(&new.id).await;
    let rolled_back = RolloutOutcomes { rolled_back: 1, ..promoted };
    assert_eq!(ended(&world).await, (rolled_back, Some(2)));

    preview(&world, "4", Conflict::default()).await;
    preview(&world, "5", Conflict::Supersede).await;
    world.system.abort(None).await.unwrap();
    let all = RolloutOutcomes { superseded: 1, aborted: 1, ..rolled_back };
    assert_eq!(ended(&world).await, (all, Some(2)));

    world.manifest("replicas = 2", BY_HAND);
    begun(world.deploy("2", Deploy::default()).await).await;
    assert_eq!(ended(&world).await.0, RolloutOutcomes { promoted: 2, ..all }, "nothing had to be replaced");
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
