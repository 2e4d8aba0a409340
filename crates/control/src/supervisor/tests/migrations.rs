//! Migrations that a platform process before began.

use std::time::Duration;

use model::{
    Timestamp,
    api::{Deploy, RolloutPhase},
};
use ports::{
    streams::{Expect, KeyValue},
    workloads::{Held, WorkloadId},
};

use super::world::{PATIENCE, World, begun};

const HOUR: Duration = Duration::from_secs(3600);

/// The key of when the one of `web` began.
const BEGAN: &str = "migration:web";

/// A migration that never ends by itself, and has five minutes for that.
async fn migrating() -> World {
    let world = World::up("").await;
    world.manifest("migrate = { command = \"migrate\", deadline = \"5m\" }", "");
    begun(world.deploy("2", Deploy::default()).await).await;
    world.rollout("the migration", |it| it.what == "the migration runs").await;
    let written = async {
        while world.records.read(BEGAN).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.expect("its begin is remembered before it begins");
    world
}

fn held() -> Vec<Held> {
    vec![Held { id: WorkloadId::Migration("web".parse().expect("it is a name")), pid: 1, exit: None }]
}

#[tokio::test]
async fn it_has_no_more_time_than_it_had() {
    let world = migrating().await;
    let began: Timestamp = serde_json::from_value(world.records.read(BEGAN).await.unwrap()).unwrap();
    let earlier = serde_json::to_vec(&(began - HOUR)).unwrap();
    world.records.put("system", BEGAN, earlier, Expect::Any).await.unwrap();
    let world = world.killed(held()).await;
    let end = world.rollout("the end", |it| it.ended_at.is_some()).await;
    assert_eq!(end.phase, RolloutPhase::RolledBack);
    assert_eq!(end.problem.unwrap().cause, "the migration failed: that of `web` took longer than its deadline");
}

#[tokio::test]
async fn it_has_all_of_the_time_that_is_left() {
    let world = migrating().await;
    let world = world.killed(held()).await;
    let status = world.rollout("it to go on", |it| it.what == "the migration runs").await;
    assert_eq!((status.phase, status.ended_at), (RolloutPhase::Preparing, None));
}
