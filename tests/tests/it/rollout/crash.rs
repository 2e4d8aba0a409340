//! Rollouts go on when the platform is killed.

use model::api::{ReleaseState, RolloutPhase};
use tests::{load::Load, process, wait};

use super::{CANARY, deploy, one, say, states, version};

#[test]
fn a_rollout_outlives_the_platform() {
    // The figures begin anew with each platform process: so this one is not judged.
    let sandbox = one(&CANARY.replace("tolerance = { requests = 50 }", "judge = false"), "");
    sandbox.up();
    for round in 0..3 {
        let wanted = format!("round {round}");
        sandbox.write("a/version", &wanted);
        deploy(&sandbox);
        let mut kills = 0;
        let running = Load::start(2, sandbox.gateway, "/pid");
        while sandbox.rollout().ended_at.is_none() {
            sandbox.kill_platform();
            kills += 1;
            running.wait_for(150);
        }
        drop(running.end());
        let status = sandbox.rollout();
        assert_eq!(status.phase, RolloutPhase::Promoted, "after {kills} kills: {status:#?}");
        assert!(kills > 1);
        assert_eq!((version(&sandbox), sandbox.pids("a").len()), (wanted, 2));
    }
    assert_eq!(states(&sandbox).iter().filter(|state| **state == ReleaseState::Running).count(), 1);
}

#[test]
fn a_release_keeps_its_secrets_when_the_platform_is_killed() {
    let sandbox =
        one("strategy = \"canary\"\nsteps = [{ weight = 50, wait = \"1m\" }]\njudge = false\nkeep = \"0s\"\n", "");
    sandbox.up();
    sandbox.write(".isles/secrets", "TOKEN=new\n");
    std::fs::set_permissions(sandbox.path(".isles/secrets"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let manifest = sandbox.read("isles.toml");
    sandbox.write("isles.toml", &manifest.replace("replicas = 2\n", "replicas = 2\nsecrets = [\"TOKEN\"]\n"));
    deploy(&sandbox);
    sandbox.rollout_when("the first step", |status| status.weight_percent == Some(50.0));
    sandbox.kill_platform();
    // The second instance of the new release starts only now.
    say(&sandbox, "promote");
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    assert!((0..8).all(|_| sandbox.get("/env").json()["TOKEN"] == "new"));
}

#[test]
fn a_migration_outlives_the_platform() {
    let migrate = "store = \"sqlite\"\nmigrate = { command = \"sh migrate\", hold = true, deadline = \"30s\" }\n";
    let sandbox = one("", migrate);
    sandbox.write("isles.toml", &sandbox.read("isles.toml").replace("\"20s\"", "\"1m\""));
    sandbox.write("a/migrate", "true");
    sandbox.up();
    let before = sandbox.pids("a");
    let migration = "echo $$ >> ../../../../../begun; until test -e ../../../../../go; do sleep 0.05; done; exit $(cat ../../../../../go)";
    sandbox.write("a/migrate", migration);
    deploy(&sandbox);
    let begun = || sandbox.read("begun").lines().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>();
    wait::until_is("the migration", &1, || begun().len());
    sandbox.kill_platform();
    assert!(process::is_alive(begun()[0]), "it runs on");
    assert_eq!(
        (sandbox.rollout().phase, sandbox.pids("a")),
        (RolloutPhase::Preparing, before.clone()),
        "nothing new has started"
    );
    sandbox.write("go", "0");
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::Promoted);
    assert_eq!(begun().len(), 1, "it ran once");

    let before = sandbox.pids("a");
    std::fs::remove_file(sandbox.path("go")).expect("it was just written");
    sandbox.write("a/version", "two");
    deploy(&sandbox);
    wait::until_is("the next migration", &2, || begun().len());
    sandbox.kill_platform();
    sandbox.write("go", "4");
    let status = sandbox.rollout_ended();
    assert_eq!(status.phase, RolloutPhase::RolledBack);
    assert_eq!(status.problem.expect("it is said why").cause, "the migration failed: that of `a` exited with code 4");
    assert_eq!((begun().len(), version(&sandbox).as_str(), sandbox.pids("a")), (2, "one", before));
}
