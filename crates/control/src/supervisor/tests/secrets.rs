//! Secrets that cannot be read any more when a platform process follows another.

use model::{
    ServiceName,
    api::{Deploy, RolloutPhase},
    status::{ServiceStatus, Trouble},
};
use ports::workloads::{Held, WorkloadId};

use super::world::{World, begun};

const OTHER: &str = "[services.other]\ndir = \"web\"\nrun = \"./web\"\nartifact = [\"web\"]\nsecrets = [\"OTH\"]\n";

fn name(of: &str) -> ServiceName {
    of.parse().expect("it is a name")
}

async fn status(world: &World, of: &str) -> ServiceStatus {
    world.system.service(name(of)).await.expect("there is one")
}

/// `web` and `other`, each with a secret; then the file says this, and the platform process is killed.
async fn killed_with(secrets: &str) -> World {
    let world = World::up("").await;
    world.secrets("TOK=1\nOTH=2\n");
    world.manifest("secrets = [\"TOK\"]", OTHER);
    begun(world.deploy("1", Deploy::default()).await).await;
    world.rollout("the end", |it| it.ended_at.is_some()).await;
    let mut held = Vec::new();
    for service in ["web", "other"] {
        world.has(service, 1).await;
        held.push(status(&world, service).await.instances.remove(0).id);
    }
    world.secrets(secrets);
    let held = held.into_iter().map(|id| Held { id: WorkloadId::Instance(id), pid: 1, exit: None });
    world.killed(held.collect()).await
}

#[tokio::test]
async fn a_service_without_its_secrets_starts_no_instance_until_they_are_back() {
    let world = killed_with("TOK\n").await;
    world.has("web", 1).await;
    let notices = world.system.status(false).await.unwrap().notices;
    assert!(
        notices[0].starts_with("no instance of `other` can start: ") && notices[0].contains("secrets:1: "),
        "{notices:?}"
    );
    assert_eq!(world.system.restart(name("web")).await.unwrap_err().reason, "secrets-missing");
    let refused = world.system.scale(name("web"), Some(2)).await.unwrap_err();
    assert!(refused.reason == "secrets-missing" && refused.detail.contains("secrets:1: "));
    world.has("web", 1).await;

    world.ends(&status(&world, "web").await.instances[0].id).await;
    let trouble = |service: ServiceStatus| service.problem.filter(|problem| problem.cause.contains("secrets:1: "));
    let Trouble { hint, .. } =
        world.until("the problem", |system| async move { trouble(system.service(name("web")).await.ok()?) }).await;
    assert!(!hint.is_empty() && status(&world, "web").await.healthy == 0);

    world.secrets("TOK=1\nOTH=2\n");
    world.has("web", 1).await;
    world.system.restart(name("web")).await.unwrap();
    assert_eq!(world.system.scale(name("other"), Some(2)).await.map(|other| other.healthy), Ok(2));
    assert_eq!(world.system.status(false).await.unwrap().notices, [""; 0]);
}

#[tokio::test]
async fn a_secret_that_is_missing_concerns_its_service_alone() {
    let world = killed_with("TOK=1\n").await;
    world.system.restart(name("web")).await.unwrap();
    assert_eq!(world.system.scale(name("web"), Some(2)).await.map(|web| web.healthy), Ok(2));
    let refused = world.system.restart(name("other")).await.unwrap_err();
    assert_eq!(refused.detail, "the secret `OTH` of `other` is not given");
    world.has("other", 1).await;
    assert_eq!(world.system.scale(name("other"), Some(0)).await.map(|other| other.replicas), Ok(0), "that needs none");
}

#[tokio::test]
async fn a_migration_without_its_secrets_does_not_run() {
    let world = World::up("").await;
    world.secrets("TOK=1\n");
    world.manifest("secrets = [\"TOK\"]\nmigrate = \"migrate\"", "");
    world.records.hold("migration:web");
    begun(world.deploy("2", Deploy::default()).await).await;
    world.records.reached().await;
    world.end().await;
    world.records.release();
    world.secrets("");
    let world = world.killed(Vec::new()).await;
    let end = world.rollout("the end", |it| it.ended_at.is_some()).await;
    assert_eq!(end.phase, RolloutPhase::RolledBack);
    let cause = "the migration failed: it did not start: the secret `TOK` of `web` is not given";
    assert_eq!(end.problem.unwrap().cause, cause);
}
