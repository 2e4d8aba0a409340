//! How many instances a service has after a deploy.

use model::api::{Deploy, PlannedService};

use super::{
    Outcome,
    world::{World, answer, begun},
};

#[tokio::test]
async fn a_deploy_that_changes_only_the_number_of_instances_has_that_effect() {
    let world = World::up("").await;
    world.has("web", 1).await;
    for (replicas, instances) in [("3", 3), ("2", 2), ("{ min = 0, max = 4, concurrency = 1 }", 2), ("4", 4)] {
        world.manifest(&format!("replicas = {replicas}"), "");
        let status = begun(world.deploy("1", Deploy::default()).await).await;
        assert_eq!(status.strategy, "none");
        world.has("web", instances).await;
    }
    assert_eq!(world.records.read("slots:web").await.unwrap().as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn a_new_instance_that_ends_while_the_old_ones_retire_comes_back() {
    let world = World::up("").await;
    world.records.hold_what_says("rollout:", "\"phase\":\"Retiring\"");
    begun(world.deploy("2", Deploy::default()).await).await;
    world.records.reached().await;
    let web = world.system.service("web".parse().unwrap()).await.unwrap();
    let new = web.instances.iter().map(|instance| instance.id.clone()).max_by_key(|id| id.slot.index).unwrap();
    assert_eq!((web.instances.len(), new.slot.index), (2, 2));
    world.ends(&new).await;
    world.has("web", 1).await;
    world.records.release();
    world.rollout("the end", |it| it.ended_at.is_some()).await;
    world.has("web", 1).await;
    let web = world.system.service("web".parse().unwrap()).await.unwrap();
    assert_eq!(web.instances[0].release, Some(2), "{web:?}");
}

#[tokio::test]
async fn a_service_without_instances_comes_with_its_release() {
    let world = World::up("").await;
    let none = "[services.none]\ndir = \"web\"\nrun = \"./web\"\nartifact = [\"web\"]\nreplicas = 0\n";
    world.manifest("", none);
    begun(world.deploy("1", Deploy::default()).await).await;
    let scaled = world.system.scale("none".parse().unwrap(), Some(1)).await;
    assert_eq!(scaled.map(|service| service.replicas), Ok(1));
    world.has("none", 1).await;
}

#[tokio::test]
async fn what_a_person_asked_for_holds_until_the_manifest_says_another_number() {
    let world = World::up("").await;
    world.system.scale("web".parse().unwrap(), Some(5)).await.unwrap();
    begun(world.deploy("2", Deploy::default()).await).await;
    world.rollout("the end", |it| it.ended_at.is_some()).await;
    world.has("web", 5).await;
    assert_eq!(world.records.read("scale:web").await.unwrap()["replicas"], 5);
    world.manifest("replicas = 3", "");
    begun(world.deploy("3", Deploy::default()).await).await;
    world.rollout("the end", |it| it.number == 2 && it.ended_at.is_some()).await;
    world.has("web", 3).await;
    // It begins once the end of the last one is remembered.
    let nothing = answer(world.deploy("3", Deploy::default()).await).await;
    assert!(matches!(nothing, Ok(Outcome::Plan(_))));
    assert_eq!(world.records.read("scale:web").await, None);
}

#[tokio::test]
async fn a_plan_counts_the_instances_of_the_release_that_runs() {
    let (world, _) = World::in_preview().await;
    world.has("web", 2).await;
    let plan = answer(world.deploy("3", Deploy { dry_run: true, ..Deploy::default() }).await).await;
    let Ok(Outcome::Plan(plan)) = plan else { panic!("it is a plan") };
    let [PlannedService { old: 1, new: 1, most: 2, .. }] = plan.services[..] else { panic!("{plan:?}") };
}
