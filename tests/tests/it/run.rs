//! Building, running and watching programs.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use model::{
    api::Why,
    status::{InstancePhase, ServicePhase},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{load::Load, process, sandbox::Sandbox, wait};

const WEB: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "web" }

[services.web]
run = "python3 service.py"
"#;

fn web(more: &str) -> Sandbox {
    Sandbox::new(&format!("{WEB}{more}"))
}

#[test]
fn a_program_sees_its_own_variables_and_no_others() {
    let manifest = format!(
        "{WEB}env = {{ COLOUR = \"red\", SIZE = \"1\" }}\nenv_file = \"web.env\"\nsecrets = [\"TOKEN\"]\n\
         calls = [\"data-base\"]\nstore = \"sqlite\"\n[services.data-base]\nrun = \"python3 service.py\"\n"
    );
    let sandbox = Sandbox::new(&manifest).with_variable("LEAK", "1").with_variable("TOKEN", "s3cr3t-token");
    sandbox.write("isles.toml", &sandbox.read("isles.toml").replacen("python3 ", "env -0 > seen; exec python3 ", 1));
    sandbox.write("web.env", "SIZE=2\nSHAPE='round one'\n");
    sandbox.up();
    let seen = sandbox.read("seen");
    let seen: BTreeMap<&str, &str> = seen.split_terminator('\0').filter_map(|one| one.split_once('=')).collect();
    let given =
        ["COLOUR", "DATABASE_PATH", "DATABASE_URL", "DATA_BASE_SOCKET", "DATA_BASE_URL", "PORT", "SHAPE", "SIZE"];
    let given = [&given[..], &["TOKEN"]].concat();
    let host = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];
    // The shell sets some of its own.
    let own = ["PWD", "SHLVL", "_", "OLDPWD"];
    for name in seen.keys() {
        let known = given.iter().chain(&host).chain(&own).any(|known| known == name);
        assert!(known, "the program sees `{name}`");
    }
    for name in given.iter().chain(&["PATH"]) {
        assert!(seen.contains_key(*name), "the program does not see `{name}`: {seen:?}");
    }
    let expected = [("COLOUR", "red"), ("SIZE", "1"), ("SHAPE", "round one"), ("TOKEN", "s3cr3t-token")];
    for (name, value) in expected {
        assert_eq!(seen[name], value);
    }
    let path = sandbox.path(".isles/stores/web.db").display().to_string();
    assert_eq!((seen["DATABASE_PATH"], seen["DATABASE_URL"]), (path.as_str(), format!("sqlite:///{path}").as_str()));
    let address = sandbox.service("web").instances[0].address.clone().unwrap();
    assert_eq!(address, format!("127.0.0.1:{}", seen["PORT"]));
}

#[test]
fn a_secret_appears_nowhere() {
    let manifest = format!("{WEB}secrets = [\"TOKEN\"]\n");
    let sandbox = Sandbox::new(&manifest).with_variable("TOKEN", "s3cr3t-token");
    sandbox.up();
    sandbox.get("/print/before-s3cr3t-token-after");
    wait::until("the line", || sandbox.isles(&["logs"]).out.contains("before-***-after").then_some(()));
    for arguments in [&["logs"][..], &["logs", "--json"], &["status", "--json"], &["why", "web", "--json"], &["ps"]] {
        sandbox.isles(arguments).ok().never_says("s3cr3t-token");
    }
    sandbox.get("/exit/1");
    wait::until("the crash", || (sandbox.service("web").instances[0].crashes == 1).then_some(()));
    sandbox.isles(&["why", "web"]).ok().never_says("s3cr3t-token");
    sandbox.isles(&["down"]).ok();
    let found = sandbox.shell("grep -rl s3cr3t-token .isles");
    assert_eq!(found.out, "", "no file of the state folder has it");
}

#[test]
fn a_service_on_a_unix_socket_has_no_port() {
    let sandbox = web("listen = \"unix\"\nreplicas = 2\nhealth = \"/healthz\"\n");
    sandbox.up();
    let seen = sandbox.get("/env").json();
    let socket = seen["SOCKET"].as_str().expect("it is given");
    assert!(seen.get("PORT").is_none() && socket.len() <= 107, "{seen}");
    assert!(sandbox.service("web").instances.iter().any(|instance| instance.address.as_deref() == Some(socket)));
    let listening = fs::read_to_string("/proc/net/unix").unwrap();
    assert!(listening.lines().any(|line| line.ends_with(socket)));
    let load = Load::start(2, sandbox.gateway, "/pid");
    load.wait_for(20);
    sandbox.isles(&["restart", "web"]).ok();
    load.wait_for(20);
    load.assert_no_failure();
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_program_that_takes_too_much_memory_is_ended_and_started_again() {
    let sandbox = web("limits = { memory = \"64MiB\" }\n");
    sandbox.up();
    if !sandbox.status().notices.iter().all(|notice| !notice.contains("memory")) {
        return tests::sandbox::skipped("run::memory", "this host cannot limit memory by cgroup");
    }
    let pid = sandbox.pid("web");
    assert_eq!(sandbox.get("/grow/20").text(), "grown");
    assert_eq!(sandbox.get("/grow/200").status, 502, "it is gone before it answers");
    wait::until("the next run", || sandbox.pids("web").iter().any(|next| *next != pid).then_some(()));
    let events = sandbox.typed::<Why>("/v1/services/web/why").events;
    assert!(events.iter().any(|event| event.what.contains("more memory than its limit")), "{events:?}");
}

#[test]
fn a_service_waits_for_what_it_is_after() {
    let sandbox = Sandbox::new(
        "[services.first]\nrun = \"python3 service.py\"\nenv = { WAIT_FOR = \"go\" }\n\
         [services.second]\nrun = \"python3 service.py\"\nafter = [\"first\"]\n",
    );
    let mut up = tests::foreground::Foreground::start(sandbox.command(&["up"]), &sandbox.folder());
    wait::until("the first to start", || {
        let status = sandbox.running()?;
        status.services[0].instances.first()?.pid.map(drop)
    });
    let second = sandbox.service("second");
    assert_eq!((second.phase, second.instances.len()), (ServicePhase::Waiting, 0));
    sandbox.write("go", "");
    wait::until_is("the second to be healthy", &ServicePhase::Healthy, || sandbox.service("second").phase);
    let status = sandbox.status();
    let started = |index: usize| status.services[index].instances[0].started_at.unwrap();
    assert!(started(1) > started(0));
    up.signal(Signal::TERM);
    assert_eq!(up.wait(), Some(0));
}

#[test]
fn the_instances_of_a_service_share_its_store() {
    let sandbox = web("store = \"sqlite\"\nreplicas = 3\n");
    sandbox.up();
    assert_eq!(sandbox.post("/sql", "PRAGMA journal_mode").json(), json!([["wal"]]));
    sandbox.post("/sql", "CREATE TABLE seen (n INTEGER)");
    for number in 0..30 {
        assert_eq!(sandbox.post("/sql", &format!("INSERT INTO seen VALUES ({number})")).status, 200);
    }
    for _ in 0..10 {
        assert_eq!(sandbox.post("/sql", "SELECT count(*) FROM seen").json(), json!([[30]]));
    }
    let store = fs::metadata(sandbox.path(".isles/stores/web.db")).unwrap();
    assert_eq!(store.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_build_is_repeated_only_when_its_inputs_change() {
    let sandbox = Sandbox::new(
        "[services.app]\ndir = \"app\"\nbuild = \"echo built >> $COUNT && cp part.txt made.txt\"\n\
         run = \"cat made.txt; exec python3 ../../../../../service.py\"\nenv = { COUNT = \"FOLDER/count\" }\n",
    );
    let manifest = sandbox.read("isles.toml").replace("FOLDER", &sandbox.folder().display().to_string());
    let manifest = manifest.replace("../../../../../service.py", &sandbox.path("service.py").display().to_string());
    sandbox.write("isles.toml", &manifest);
    sandbox.write("app/part.txt", "one");
    let built = || sandbox.read("count").lines().count();
    let up_and_down = || {
        sandbox.up();
        let logs = sandbox.isles(&["logs", "app", "--tail", "5"]).ok().out;
        sandbox.isles(&["down"]).ok();
        logs
    };
    assert!(up_and_down().contains("one"));
    assert_eq!(built(), 1);
    sandbox.write("elsewhere.txt", "not under dir");
    up_and_down();
    assert_eq!(built(), 1, "nothing changed");
    sandbox.write("app/part.txt", "two");
    assert!(up_and_down().contains("two"));
    assert_eq!(built(), 2, "an input changed");
    sandbox.write("app/part.txt", "one");
    up_and_down();
    assert_eq!(built(), 2, "that was built before");
    sandbox.write("isles.toml", &manifest.replace("&& cp", "&& true && cp"));
    up_and_down();
    assert_eq!(built(), 3, "the command changed");
}

#[test]
fn logs_are_merged_selected_and_followed() {
    let sandbox = web("replicas = 2\n[services.other]\nrun = \"python3 service.py\"\n");
    sandbox.up();
    let mut follower = sandbox.command(&["logs", "-f", "web"]);
    let file = fs::File::create(sandbox.path("followed")).unwrap();
    let mut follower = follower.stdout(file).spawn().unwrap();
    for number in 0..6 {
        sandbox.get(&format!("/print/line-{number}"));
    }
    sandbox.isles(&["call", "other", "/print/from-other"]).ok();
    wait::until("the last followed line", || sandbox.read("followed").contains("line-5").then_some(()));
    let lines: Vec<Value> = wait::until("all lines", || {
        let said = sandbox.isles(&["logs", "--json"]).ok().out;
        (said.contains("from-other") && said.contains("line-5"))
            .then(|| said.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    });
    let times: Vec<_> = lines.iter().map(|line| line["at"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{lines:#?}");
    let printed: Vec<_> =
        lines.iter().filter_map(|line| line["text"].as_str()).filter(|text| text.starts_with("line-")).collect();
    assert_eq!(printed, ["line-0", "line-1", "line-2", "line-3", "line-4", "line-5"]);
    let other = sandbox.isles(&["logs", "other"]).ok();
    assert!(other.out.contains("other/1") && !other.out.contains("web/"), "{other:?}");
    let tail = sandbox.isles(&["logs", "web", "--tail", "1"]).ok();
    assert_eq!(tail.out.lines().count(), 1, "{tail:?}");
    assert!(tail.out.starts_with("web/") && tail.out.contains("| line-5"), "{tail:?}");
    let since = format!("/v1/logs?since={}", times[times.len() - 1]);
    assert_eq!(sandbox.api("GET", &since, "").text().lines().count(), 1);
    sandbox.isles(&["logs", "--since", "1h"]).ok().says(&["line-0"]);
    sandbox.isles(&["down"]).ok();
    let ended = wait::until("the end of the follower", || follower.try_wait().unwrap());
    assert!(ended.success(), "{ended:?}");
    assert!(!sandbox.read("followed").contains("other"));
}

#[test]
fn a_log_is_rotated_and_bounded() {
    let sandbox = web("");
    sandbox.up();
    // Each line has more than 200 bytes: about 100 MB in all.
    for _ in 0..4 {
        assert_eq!(sandbox.get("/flood/120000").status, 200);
    }
    sandbox.get("/print/the-last-line");
    wait::until("the last line", || {
        sandbox.isles(&["logs", "--tail", "1"]).ok().out.contains("the-last-line").then_some(())
    });
    let sizes = sandbox.shell("find .isles/logs -type f -size +0 -printf '%s\\n'").ok();
    let sizes: Vec<u64> = sizes.out.lines().map(|line| line.parse().unwrap()).collect();
    assert!(sizes.len() > 1, "it was rotated: {sizes:?}");
    assert!(sizes.iter().sum::<u64>() < 90_000_000, "it is bounded: {sizes:?}");
}

#[test]
fn a_crash_loop_can_be_seen_with_the_last_lines() {
    let sandbox = Sandbox::new("[services.app]\nrun = \"sh app.sh\"\n");
    sandbox.write("app.sh", "test -e broken && echo 'the last words' && exit 3\nexec python3 service.py\n");
    sandbox.up();
    sandbox.write("broken", "");
    process::signal(sandbox.pid("app"), Signal::KILL);
    wait::until_is("the crash loop", &ServicePhase::CrashLoop, || sandbox.service("app").phase);
    let why: Why = wait::until("the cause", || {
        let why: Why = sandbox.typed("/v1/services/app/why");
        why.service.problem.as_ref().is_some_and(|problem| problem.cause.contains("code 3")).then_some(why)
    });
    let problem = why.service.problem.unwrap();
    assert!(problem.log.iter().any(|line| line.contains("the last words")), "{problem:?}");
    assert!(why.service.instances[0].crashes >= 3);
    sandbox.isles(&["why", "app"]).ok().says(&["crash loop", "exited with code 3", "the last words"]);
    sandbox.isles(&["status"]).ok().says(&["crash-loop"]);
    fs::remove_file(sandbox.path("broken")).unwrap();
    wait::until_is("its recovery", &ServicePhase::Healthy, || sandbox.service("app").phase);
}

#[test]
fn scaling_up_and_down_fails_no_request() {
    let sandbox = web("replicas = 2\n");
    sandbox.up();
    let load = Load::start(3, sandbox.gateway, "/pid");
    for (scale, healthy) in [("web=4", 4), ("web=1", 1), ("web=3", 3)] {
        sandbox.isles(&["scale", scale]).ok().says(&[&format!("web  healthy {healthy}/{healthy}")]);
        assert_eq!(sandbox.pids("web").len(), healthy);
        load.wait_for(30);
    }
    load.assert_no_failure();
    sandbox.isles(&["down"]).ok();
    sandbox.up();
    assert_eq!(sandbox.pids("web").len(), 3, "what was asked for is remembered");
}

#[test]
fn the_only_instance_is_restarted_without_a_failed_request() {
    let sandbox = web("");
    sandbox.up();
    let before = sandbox.pid("web");
    let load = Load::start(3, sandbox.gateway, "/sleep/0.02");
    load.wait_for(20);
    sandbox.isles(&["restart", "web"]).ok().says(&["web  healthy 1/1"]);
    load.wait_for(20);
    load.assert_no_failure();
    assert_ne!(sandbox.pid("web"), before);
}

#[test]
fn a_restart_whose_new_instance_fails_leaves_the_old_one_serving() {
    let sandbox = web("");
    let run = "test -e broken && echo 'a bad day' && exit 3; exec python3 service.py";
    sandbox.write("isles.toml", &sandbox.read("isles.toml").replace("python3 service.py", run));
    sandbox.up();
    let before = sandbox.pid("web");
    sandbox.write("broken", "");
    sandbox.isles(&["restart", "web"]).code(1).says(&[
        "the new instance failed",
        "code 3",
        "hint: run `isles why web`",
    ]);
    assert_eq!((sandbox.pids("web"), sandbox.get("/pid").status), (vec![before], 200));
    fs::remove_file(sandbox.path("broken")).unwrap();
    sandbox.isles(&["restart", "web"]).ok();
    assert_ne!(sandbox.pid("web"), before);
}

#[test]
fn an_instance_takes_requests_only_while_its_health_check_passes() {
    let health = "health = { path = \"/healthz\", interval = \"100ms\", timeout = \"100ms\" }\nreplicas = 2\n";
    let sandbox = web(health);
    sandbox.up();
    let sick: u32 = sandbox.get("/health/500").text().parse().unwrap();
    wait::until("it to leave", || {
        let service = sandbox.service("web");
        let phase = service.instances.iter().find(|instance| instance.pid == Some(sick))?.phase;
        (phase == InstancePhase::Unhealthy).then_some(())
    });
    let service = sandbox.service("web");
    assert_eq!((service.phase, service.healthy), (ServicePhase::Degraded, 1));
    let problem = service.problem.expect("the cause is told");
    assert!(problem.cause.contains("was answered with status 500"), "{problem:?}");
    for _ in 0..20 {
        assert_ne!(sandbox.get("/pid").text(), sick.to_string());
    }
    let address = service.instances.iter().find(|instance| instance.pid == Some(sick)).unwrap().address.clone();
    let address = address.unwrap().parse().unwrap();
    tests::http::request(address, "GET", "/health/200", b"").unwrap();
    wait::until_is("its return", &2, || sandbox.service("web").healthy);
    wait::until("a request to it", || (sandbox.get("/pid").text() == sick.to_string()).then_some(()));
}

#[test]
fn what_forks_away_ends_with_its_instance() {
    let sandbox = web("");
    sandbox.up();
    let daemon: u32 = sandbox.get("/daemon").text().parse().unwrap();
    assert!(process::is_alive(daemon));
    process::signal(sandbox.pid("web"), Signal::KILL);
    wait::until_is("the end of the daemon", &false, || process::is_alive(daemon));
}
