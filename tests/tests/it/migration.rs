//! Migrations: before the first instance of a release, at the first start and in a rollout.

use model::{
    api::RolloutPhase,
    figures::ConnectionFigures,
    status::{SystemPhase, SystemStatus},
};
use rustix::process::Signal;
use tests::{foreground::Foreground, process, sandbox::Sandbox, wait};

use crate::rollout::{deploy, ends, load, one};

/// Where migrations and instances leave a line, from the folder that they run in.
const DIARY: &str = "../../../../../diary";

/// A service that writes a line when it starts, and before that this migration.
fn migrates(migrate: &str) -> Sandbox {
    let table = "store = \"sqlite\"\nmigrate = { command = \"sh migrate\", hold = true, deadline = \"19s\" }\n";
    let sandbox = one("", table);
    sandbox.write("a/before", &format!("echo started >> {DIARY}"));
    sandbox.write("a/migrate", migrate);
    sandbox
}

/// What was written so far, a word each.
fn diary(sandbox: &Sandbox) -> Vec<String> {
    sandbox.read("diary").split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_migration_runs_before_the_first_instance_of_the_first_release() {
    let sandbox = migrates(&format!("test -f \"$DATABASE_PATH\" && sleep 0.2 && echo migrated >> {DIARY}"));
    sandbox.up();
    assert_eq!(diary(&sandbox), ["migrated", "started", "started"]);
    let again = |resume: &[&str], expected: &[&str]| {
        sandbox.isles(&["down"]).ok();
        sandbox.write("diary", "");
        sandbox.isles(&[&["up", "-d"], resume].concat()).ok();
        assert_eq!(diary(&sandbox), expected);
    };
    again(&[], &["started", "started"]);
    sandbox.write("a/version", "two");
    again(&["--resume"], &["started", "started"]);
    again(&[], &["migrated", "started", "started"]);
}

#[test]
fn a_first_release_whose_migration_fails_starts_nothing() {
    let sandbox = migrates("echo no such column; exit 4");
    sandbox.isles(&["up", "-d"]).code(1).says(&[
        "`a` cannot come up: the migration failed: that of `a` exited with code 4",
        "no such column",
        "the command is: sh migrate",
    ]);
    sandbox.assert_nothing_left();
    sandbox.write("a/migrate", "sleep 60");
    let manifest = sandbox.read("isles.toml");
    sandbox.write("isles.toml", &manifest.replace("deadline = \"19s\"", "deadline = \"1s\""));
    sandbox
        .isles(&["up", "-d"])
        .code(1)
        .says(&["`a` cannot come up: the migration failed: that of `a` took longer than its deadline"]);
    sandbox.assert_nothing_left();
    assert!(diary(&sandbox).is_empty(), "no instance started");
    sandbox.write("isles.toml", &manifest);
    sandbox.write("a/migrate", &format!("echo migrated >> {DIARY}"));
    sandbox.up();
    assert_eq!(diary(&sandbox), ["migrated", "started", "started"]);
}

#[test]
fn a_first_migration_outlives_the_platform() {
    let go = "until test -f ../../../../../go; do sleep 0.05; done";
    let sandbox = migrates(&format!("echo begun >> {DIARY}; {go}; echo migrated >> {DIARY}"));
    let running = Foreground::start(sandbox.command(&["up"]), &sandbox.folder());
    wait::until("the migration to begin", || (diary(&sandbox) == ["begun"]).then_some(()));
    let killed = wait::until("the platform", || sandbox.running()).platform_pid;
    process::signal(killed, Signal::KILL);
    let is_next = |next: &SystemStatus| next.platform_pid != killed;
    wait::until("another platform process", || sandbox.running().filter(is_next));
    sandbox.write("go", "");
    wait::until("the system to run", || sandbox.running().filter(|status| status.phase == SystemPhase::Running));
    assert_eq!(diary(&sandbox), ["begun", "migrated", "started", "started"]);
    drop(running);
}

#[test]
fn a_migration_runs_once_and_requests_wait_for_it() {
    let sandbox = migrates("true");
    sandbox.up();
    let running = load(&sandbox);
    running.wait_for(20);
    let tick = format!("echo \"${{PORT:-tick}}\" >> {DIARY}; sleep 0.05");
    sandbox.write("a/migrate", &format!("until test -f ../../../../../go; do {tick}; done; echo migrated >> {DIARY}"));
    sandbox.write("diary", "");
    deploy(&sandbox);
    let held = || {
        let all: Vec<ConnectionFigures> = sandbox.typed("/v1/connections?service=a");
        all.iter().map(|one| one.queued).sum::<u32>()
    };
    wait::until_is("all clients to be held", &4, held);
    let (answered, ticks) = (running.answered(), diary(&sandbox).len());
    wait::until("the migration to go on", || (diary(&sandbox).len() > ticks + 5).then_some(()));
    assert_eq!(running.answered(), answered, "nobody is answered meanwhile");
    sandbox.write("go", "");
    ends(&sandbox, running, RolloutPhase::Promoted, "one");
    let mut said = diary(&sandbox);
    said.retain(|word| word != "tick");
    assert_eq!(said, ["migrated", "started", "started"], "it runs once, and listens nowhere");

    let running = load(&sandbox);
    sandbox.write("a/migrate", "echo no such column; exit 4");
    deploy(&sandbox);
    let problem = ends(&sandbox, running, RolloutPhase::RolledBack, "one").problem.expect("it is said why");
    assert_eq!(problem.cause, "the migration failed: that of `a` exited with code 4");
    assert_eq!(problem.log, ["no such column"]);

    let running = load(&sandbox);
    sandbox.write("isles.toml", &sandbox.read("isles.toml").replace("deadline = \"19s\"", "deadline = \"1s\""));
    sandbox.write("a/migrate", "echo altering; sleep 60");
    deploy(&sandbox);
    let problem = ends(&sandbox, running, RolloutPhase::RolledBack, "one").problem.expect("it is said why");
    // Its own deadline and that of all have passed at once: either may be met first.
    assert!(problem.cause.starts_with("the migration ") && problem.cause.contains("`a`"), "{}", problem.cause);
    assert_eq!(problem.log, ["altering"]);
    assert!(problem.hint.contains("sh migrate"), "{}", problem.hint);
}
