//! Releases: what is stored of a deploy, what runs of it, and what comes back.

use std::{fs, path::Path};

use model::{
    api::{Change, DeployPlan, ReleaseDiff, ReleaseState},
    status::ServicePhase,
};
use rustix::process::Signal;
use tests::{http::Answer, process, sandbox::Sandbox, wait};

/// Two services that are built; what each was built from is in its environment as `$V`.
fn pair() -> Sandbox {
    let service = |name: &str| {
        format!(
            "[services.{name}]\ndir = \"{name}\"\nbuild = \"cp version made; cat made\"\n\
             run = \"export V=$(cat made); exec python3 service.py\"\n"
        )
    };
    let routes = "[gateway]\nlisten = \"GATEWAY\"\n[gateway.routes]\n\"/a\" = { to = \"a\", strip = true }\n\
                  \"/b\" = { to = \"b\", strip = true }\n";
    let sandbox = Sandbox::new(&format!("{routes}{}{}", service("a"), service("b")));
    for name in ["a", "b"] {
        sandbox.write(&format!("{name}/service.py"), &sandbox.read("service.py"));
        sandbox.write(&format!("{name}/version"), "one");
    }
    sandbox
}

fn version(sandbox: &Sandbox, service: &str) -> String {
    sandbox.get(&format!("/{service}/env")).json()["V"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn deploy(sandbox: &Sandbox, body: &str) -> Answer {
    sandbox.api("POST", "/v1/deploys", body)
}

#[track_caller]
fn plan(answer: &Answer) -> DeployPlan {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("it is a plan")
}

/// Deploys, and waits until this release runs.
#[track_caller]
fn deploy_to(sandbox: &Sandbox, number: u64) {
    let answer = deploy(sandbox, "{}");
    assert_eq!(answer.status, 202, "{}", answer.text());
    runs(sandbox, number);
}

#[track_caller]
fn runs(sandbox: &Sandbox, number: u64) {
    wait::until("the release to run", || sandbox.releases().contains(&(number, ReleaseState::Running)).then_some(()));
}

#[track_caller]
fn serves(sandbox: &Sandbox, service: &str, expected: &str) {
    wait::until_is(&format!("the version of {service}"), &expected.to_owned(), || version(sandbox, service));
}

#[track_caller]
fn refused(answer: &Answer, status: u16, reason: &str, says: &str) {
    assert_eq!(answer.refusal(), (status, Some(reason)), "{}", answer.text());
    assert!(answer.text().contains(says), "does not say {says:?}: {}", answer.text());
}

#[test]
fn a_deploy_touches_only_what_changed_and_a_rollback_brings_it_back() {
    let sandbox = pair();
    sandbox.up();
    assert_eq!(sandbox.releases(), [(1, ReleaseState::Running)]);
    let (a, b) = (sandbox.pid("a"), sandbox.pid("b"));
    let nothing = plan(&deploy(&sandbox, "{}"));
    assert_eq!((nothing.from, nothing.services.len(), nothing.others.len()), (1, 0, 0));

    sandbox.write("a/version", "two");
    let dry = plan(&deploy(&sandbox, r#"{"dry_run": true}"#));
    let planned: Vec<_> =
        dry.services.iter().map(|one| (one.service.as_str(), one.change, one.parts.join(" "))).collect();
    assert_eq!(planned, [("a", Change::Replaced, "artifact".into())]);
    assert_eq!((dry.strategy.as_deref(), sandbox.releases().len()), (Some("rolling"), 1));
    let other = format!(r#"{{"if_match": {}}}"#, dry.index + 1);
    refused(&deploy(&sandbox, &other), 409, "index-moved", "its index is");
    assert_eq!(deploy(&sandbox, &format!(r#"{{"if_match": {}}}"#, dry.index)).status, 202);
    runs(&sandbox, 2);
    serves(&sandbox, "a", "two");
    assert_eq!((sandbox.pid("b"), sandbox.pid("a") == a), (b, false), "b is untouched");
    assert_eq!(sandbox.releases(), [(1, ReleaseState::Retired), (2, ReleaseState::Running)]);
    let diff: ReleaseDiff = sandbox.typed("/v1/releases/1/diff/2");
    assert_eq!(diff.services.iter().map(|one| one.service.as_str()).collect::<Vec<_>>(), ["a"]);

    // Neither the sources nor the build folders are needed: the store has it all.
    sandbox.write("a/version", "lost");
    let builds = sandbox.path(".isles/builds/a");
    let first = folders(&builds).into_iter().find(|folder| !folder.ends_with(&current(&sandbox, "a")));
    let first = first.expect("the first build is kept");
    fs::remove_dir_all(builds.join(&first)).expect("it is there");
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", "{}").status, 202);
    runs(&sandbox, 1);
    serves(&sandbox, "a", "one");
    assert_eq!(fs::read_to_string(builds.join(&first).join("a/made")).ok().as_deref(), Some("one"), "at the same path");
    assert_eq!(sandbox.pid("b"), b);
    assert_eq!(sandbox.releases(), [(1, ReleaseState::Running), (2, ReleaseState::RolledBack)]);
    refused(&sandbox.api("POST", "/v1/rollbacks", "{}"), 409, "nothing-to-roll-back-to", "no release ran before");
    refused(&sandbox.api("POST", "/v1/rollbacks", r#"{"to": 9}"#), 404, "unknown-release", "there is no release 9");
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", r#"{"to": 2}"#).status, 202, "and forth again");
    runs(&sandbox, 2);
    serves(&sandbox, "a", "two");
}

fn folders(builds: &Path) -> Vec<String> {
    let entries = fs::read_dir(builds).expect("there are builds").flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The build folder that the service runs in.
fn current(sandbox: &Sandbox, service: &str) -> String {
    let folder = fs::read_link(format!("/proc/{}/cwd", sandbox.pid(service))).expect("it runs");
    folder.parent().and_then(Path::file_name).expect("builds/SERVICE/HASH/dir").to_string_lossy().into_owned()
}

#[test]
fn one_service_at_a_time() {
    let sandbox = pair();
    sandbox.up();
    for name in ["a", "b"] {
        sandbox.write(&format!("{name}/version"), "two");
    }
    assert_eq!(deploy(&sandbox, r#"{"services": ["b"]}"#).status, 202);
    runs(&sandbox, 2);
    serves(&sandbox, "b", "two");
    assert_eq!(version(&sandbox, "a"), "one");
    deploy_to(&sandbox, 3);
    serves(&sandbox, "a", "two");
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", r#"{"service": "b"}"#).status, 202);
    runs(&sandbox, 4);
    serves(&sandbox, "b", "one");
    assert_eq!(version(&sandbox, "a"), "two");
    let answer = sandbox.api("POST", "/v1/rollbacks", r#"{"service": "b", "to": 1}"#);
    refused(&answer, 409, "nothing-to-roll-back-to", "is the same in release 1");
    refused(&deploy(&sandbox, r#"{"services": ["c"]}"#), 404, "unknown-service", "c");
}

#[test]
fn bad_input_changes_nothing() {
    let sandbox = pair();
    sandbox.write("a/ok", "");
    sandbox.up();
    let good = sandbox.read("isles.toml");
    let pids = [sandbox.pid("a"), sandbox.pid("b")];
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        sandbox.write("isles.toml", &good.replace(from, to));
        deploy(&sandbox, "{}")
    };
    refused(&with("cp version made; cat made", "echo broken; exit 3"), 422, "build-failed", "exit code 3");
    refused(&with("cp version made; cat made", "echo broken; exit 3"), 422, "build-failed", "broken");
    refused(&with("dir = \"a\"", "dir = \"nowhere\""), 422, "manifest-invalid", "nowhere");
    refused(&with("[services.b]", "nonsense = 1\n[services.b]"), 422, "manifest-invalid", "nonsense");
    refused(&with("name = \"test\"", "name = \"other\""), 422, "not-in-place", "the system's name");
    refused(&with(&sandbox.gateway.to_string(), "127.0.0.1:9"), 422, "not-in-place", "`listen`");
    refused(&with("dir = \"b\"", "dir = \"b\"\nsecrets = [\"NO_SUCH\"]"), 422, "manifest-invalid", "NO_SUCH");
    refused(&with("dir = \"b\"", "dir = \"b\"\nenv_file = \"none.env\""), 422, "manifest-invalid", "none.env");
    refused(&with("build = \"cp version made; cat made\"\n", ""), 422, "not-restorable", "runs in place");
    sandbox.write("isles.toml", &good);
    assert!(plan(&deploy(&sandbox, "{}")).services.is_empty());
    assert_eq!([sandbox.pid("a"), sandbox.pid("b")], pids);
    assert_eq!(sandbox.releases(), [(1, ReleaseState::Running)]);
    refused(&deploy(&sandbox, r#"{"what": 1}"#), 422, "bad-body", "what");
}

#[test]
fn a_service_that_is_still_called_stays() {
    let sandbox = pair();
    let all = sandbox.read("isles.toml");
    sandbox.write("isles.toml", &all.replace("dir = \"a\"", "dir = \"a\"\ncalls = [\"b\"]"));
    sandbox.up();
    let without_b =
        all.split("[services.b]").next().expect("it has one").replace("\"/b\" = { to = \"b\", strip = true }\n", "");
    sandbox.write("isles.toml", &without_b.replace("dir = \"a\"", "dir = \"a\"\ncalls = [\"b\"]"));
    refused(&deploy(&sandbox, "{}"), 422, "manifest-invalid", "b");
    sandbox.write("isles.toml", &without_b);
    refused(&deploy(&sandbox, r#"{"services": ["b"]}"#), 422, "callers-left", "the service `a` names `b`");
    let dry = plan(&deploy(&sandbox, r#"{"dry_run": true}"#));
    let planned: Vec<_> = dry.services.iter().map(|one| (one.service.as_str(), one.change)).collect();
    assert_eq!(planned, [("a", Change::Replaced), ("b", Change::Removed)], "its caller goes with it");
    assert_eq!(dry.others, ["the route `/b` goes"]);
}

#[test]
fn a_platform_that_is_killed_goes_on_with_what_is_recorded() {
    let sandbox = pair();
    sandbox.up();
    let (good, pids) = (sandbox.read("isles.toml"), [sandbox.pid("a"), sandbox.pid("b")]);
    sandbox.write("isles.toml", "not a manifest");
    fs::remove_dir_all(sandbox.path("a")).expect("the sources are there");
    sandbox.kill_platform();
    assert_eq!([sandbox.pid("a"), sandbox.pid("b")], pids);
    sandbox.isles(&["restart", "a"]).ok();
    assert_eq!((version(&sandbox, "a"), sandbox.releases().len()), ("one".into(), 1));

    // The same without any process left, as after a reboot.
    sandbox.isles(&["down"]).ok();
    fs::remove_dir_all(sandbox.path(".isles/builds")).expect("there are builds");
    sandbox.isles(&["up", "-d", "--resume"]).ok();
    assert_eq!((version(&sandbox, "a"), sandbox.releases()), ("one".into(), vec![(1, ReleaseState::Running)]));
    sandbox.isles(&["down"]).ok();

    // `up` is a deploy: what changed meanwhile is the next release, and nothing changed is none.
    sandbox.write("isles.toml", &good);
    sandbox.write("a/version", "two");
    sandbox.write("a/service.py", &sandbox.read("service.py"));
    sandbox.up();
    assert_eq!((version(&sandbox, "a"), sandbox.releases().len()), ("two".into(), 2));
    sandbox.isles(&["down"]).ok();
    sandbox.up();
    assert_eq!(sandbox.releases(), [(1, ReleaseState::Retired), (2, ReleaseState::Running)]);
}

/// As when a database of the host comes up later than the system.
#[test]
fn a_service_that_fails_at_first_does_not_keep_the_others_down() {
    let sandbox = Sandbox::new(
        "[services.good]\nrun = \"python3 service.py\"\n[services.late]\nrun = \"test -e database && exec python3 service.py\"\n",
    );
    sandbox.write("database", "");
    sandbox.up();
    sandbox.isles(&["down"]).ok();
    fs::remove_file(sandbox.path("database")).expect("it is there");
    sandbox.isles(&["up", "-d", "--resume"]).code(1).says(&["test is up but for late: ", "exited with code 1"]);
    wait::until_is("the other one", &ServicePhase::Healthy, || sandbox.service("good").phase);
    sandbox.kill_platform();
    wait::until_is("further tries", &ServicePhase::CrashLoop, || sandbox.service("late").phase);
    sandbox.write("database", "");
    wait::until_is("the late one", &ServicePhase::Healthy, || sandbox.service("late").phase);
}

#[test]
fn nothing_to_resume() {
    let sandbox = pair();
    sandbox.isles(&["up", "-d", "--resume"]).code(1).says(&["no release has run yet", "isles up"]);
}

/// A deploy that the platform does not survive leaves the release that ran, or the one that was deployed, and no half of one.
#[test]
fn a_platform_that_is_killed_in_a_deploy_leaves_a_whole_release() {
    let sandbox = pair();
    sandbox.up();
    for round in 0..8_u64 {
        let wanted = format!("round {round}");
        sandbox.write("a/version", &wanted);
        let killed = sandbox.status().platform_pid;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(round * 15));
                process::signal(killed, Signal::KILL);
            });
            // It may be answered, or not.
            let socket = sandbox.path(".isles/api.sock");
            let _ = tests::http::request_unix(&socket, "POST", "/v1/deploys", b"{}");
        });
        sandbox.next_platform(killed);
        let whole = sandbox.releases();
        assert_eq!(whole.iter().filter(|(_, state)| *state == ReleaseState::Running).count(), 1, "{whole:?}");
        assert_eq!(deploy(&sandbox, "{}").status / 100, 2);
        serves(&sandbox, "a", &wanted);
    }
}

#[test]
fn what_nobody_builds_is_stored_if_its_files_are_named() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"app\" }\n[services.app]\nartifact = [\"service.py\", \"version\"]\n\
         run = \"export V=$(cat version); exec python3 service.py\"\n",
    );
    let version = || sandbox.get("/env").json()["V"].as_str().map(str::to_owned);
    sandbox.write("version", "one");
    sandbox.up();
    sandbox.write("version", "two");
    assert_eq!(version().as_deref(), Some("one"));
    sandbox.isles(&["restart", "app"]).ok();
    assert_eq!(version().as_deref(), Some("one"), "it runs from a folder of its own");
    deploy_to(&sandbox, 2);
    wait::until("the new version", || (version().as_deref() == Some("two")).then_some(()));
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", "{}").status, 202);
    wait::until("the old version", || (version().as_deref() == Some("one")).then_some(()));
}

#[test]
fn secrets_are_known_by_versions_alone() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"app\" }\n[services.app]\nartifact = [\"service.py\"]\n\
         run = \"python3 service.py\"\nsecrets = [\"TOKEN\"]\n",
    );
    let token = || sandbox.get("/env").json()["TOKEN"].as_str().map(str::to_owned);
    let write = |value: &str| {
        sandbox.write(".isles/secrets", &format!("TOKEN={value}\n"));
        fs::set_permissions(sandbox.path(".isles/secrets"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("it was just written");
    };
    write("first-secret");
    sandbox.up();
    write("second-secret");
    let dry = plan(&deploy(&sandbox, r#"{"dry_run": true}"#));
    assert_eq!(dry.services[0].parts, ["secrets.TOKEN"]);
    deploy_to(&sandbox, 2);
    wait::until("the new secret", || (token().as_deref() == Some("second-secret")).then_some(()));
    let found = sandbox.shell("grep -rlE 'first-secret|second-secret' .isles/store .isles/state").out;
    assert_eq!(found, "", "a value is nowhere in the store or the records");
}

#[test]
fn ten_releases_are_kept_and_what_only_others_needed_is_removed() {
    let sandbox = Sandbox::new(
        "[services.app]\nartifact = [\"service.py\", \"data\"]\nrun = \"python3 service.py\"\n\
         upgrade = { min_healthy_time = \"10ms\" }\n",
    );
    let data = |number: u64| format!("the data of release {number}");
    let stored = |number: u64| sandbox.shell(&format!("grep -rlx '{}' .isles/store", data(number))).out.lines().count();
    sandbox.write("data", &data(1));
    sandbox.up();
    for number in 2..=13 {
        sandbox.write("data", &data(number));
        deploy_to(&sandbox, number);
    }
    let numbers: Vec<_> = sandbox.releases().into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, Vec::from_iter(4..=13));
    assert_eq!([1, 3, 4, 13].map(stored), [0, 0, 1, 1]);
    assert!(folders(&sandbox.path(".isles/builds/app")).len() <= 6, "those in use and three more");
    refused(&sandbox.api("POST", "/v1/rollbacks", r#"{"to": 3}"#), 404, "unknown-release", "not kept any more");
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", r#"{"to": 4}"#).status, 202);
    runs(&sandbox, 4);
}

#[test]
fn a_new_topic_is_there_before_its_service_and_stays_after_it() {
    let manifest = |publishes: &str| {
        format!(
            "[gateway]\nlisten = \"GATEWAY\"\nroutes = {{ \"/app\" = {{ to = \"app\", strip = true }} }}\n[services.app]\n\
             artifact = [\"service.py\"]\nrun = \"python3 service.py\"\npublishes = {publishes}\n"
        )
    };
    let sandbox = Sandbox::new(&manifest(r#"["a.b"]"#));
    sandbox.up();
    let old = sandbox.pid("app");
    assert_eq!(sandbox.api("GET", "/v1/topics/c.d", "").status, 404);
    sandbox.manifest(&manifest(r#"["a.b", "c.d"]"#));
    let dry = plan(&deploy(&sandbox, r#"{"dry_run": true}"#));
    assert_eq!(
        (dry.others.as_slice(), dry.services[0].change),
        (&["the topic `c.d` is new".to_owned()][..], Change::Replaced)
    );
    deploy_to(&sandbox, 2);
    wait::until("the new instance alone", || (!sandbox.pids("app").contains(&old)).then_some(()));
    let ack = sandbox.publish("app", "c.d", "hi", "seq");
    assert!(ack.contains(r#""stream":"c_d","seq":1"#), "{ack}");
    assert_eq!(sandbox.api("GET", "/v1/topics/c.d", "").json()["messages"], 1);
    sandbox.manifest(&manifest(r#"["a.b"]"#));
    let dry = plan(&deploy(&sandbox, r#"{"dry_run": true}"#));
    assert_eq!(dry.others, ["the topic `c.d` is declared no more; what is in it stays"]);
    sandbox.manifest(&format!("{}[topics.\"a.b\"]\nretention = \"workqueue\"\n", manifest(r#"["a.b", "c.d"]"#)));
    for body in [r#"{"dry_run": true}"#, "{}"] {
        refused(&deploy(&sandbox, body), 422, "streams-refused", "retention policy");
    }
}
