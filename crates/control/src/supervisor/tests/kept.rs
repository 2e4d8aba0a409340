//! What is kept of releases, and what goes.

use model::api::{Deploy, Rollback};

use super::{
    Work,
    world::{World, begun, refused},
};

/// One more release than are kept, by a rollback.
#[tokio::test]
async fn a_rollback_of_a_service_forgets_the_oldest_release() {
    let world = World::up("").await;
    for program in 2..=10_u64 {
        begun(world.deploy(&program.to_string(), Deploy::default()).await).await;
        world.rollout("the end", |it| it.to == program && it.ended_at.is_some()).await;
    }
    let is_stored = async |number: u64| world.records.read(&format!("release:{number}")).await.is_some();
    assert!(is_stored(1).await);
    let back = Rollback { to: Some(5), service: Some("web".parse().unwrap()) };
    assert_eq!(begun(world.ask(Work::Rollback(back)).await).await.to, 11);
    assert_eq!((is_stored(1).await, is_stored(2).await, is_stored(11).await), (false, true, true));
}

#[tokio::test]
async fn what_a_refused_deploy_has_stored_goes() {
    let world = World::up("").await;
    let before = world.objects();
    world.manifest("", "[services.clock]\ndir = \"web\"\nrun = \"./web\"\n");
    assert_eq!(refused(world.deploy("2", Deploy::default()).await).await, "not-restorable", "one runs in place");
    assert_eq!(world.objects(), before);
}
