//! `kill -9` of the platform and of the keeper.

use std::{net::TcpStream, thread};

use model::{
    api::RolloutPhase,
    status::{ServicePhase, SystemPhase, SystemStatus},
};
use rustix::process::Signal;
use serde_json::json;
use tests::{
    foreground::Foreground,
    http::{self, Connection},
    process::{self, pids},
    sandbox::{FRONT_AND_BACK, Sandbox},
    wait,
};

#[test]
fn instances_outlive_the_platform() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    let before = sandbox.status();
    let addresses = || -> Vec<String> {
        let given = sandbox.pids("front").into_iter().flat_map(process::environment);
        given.filter(|variable| variable.starts_with("BACK_URL=")).collect()
    };
    let given = addresses();
    for _ in 0..3 {
        let killed = sandbox.status().platform_pid;
        process::signal(killed, Signal::KILL);
        // These come while nobody serves: they wait in the backlog and are answered.
        let waiting: Vec<_> = (0..8).map(|_| Connection::tcp(sandbox.gateway).expect("the listener is kept")).collect();
        for mut connection in waiting {
            let answer = connection.request("GET", "/call/back/status/200", "", b"").expect("it is answered");
            assert_eq!((answer.status, answer.json()["status"].as_u64()), (200, Some(200)), "{}", answer.text());
        }
        let after = sandbox.next_platform(killed);
        assert_eq!(after.keeper_pid, before.keeper_pid);
        let [began, goes_on] = [&before, &after].map(|status| status.up_since.expect("the keeper's start is known"));
        let apart = began.0.abs_diff(goes_on.0);
        assert!(apart < 1_000_000 && goes_on < after.started_at, "{began:?} {goes_on:?} {:?}", after.started_at);
        assert_eq!(pids(&after), pids(&before), "every instance is the same process");
    }
    assert_eq!(sandbox.service("front").healthy, 2);
    sandbox.isles(&["restart", "front"]).ok();
    assert_eq!((addresses(), given.len()), (given.clone(), 2), "an address belongs to the slot");
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn what_programs_write_meanwhile_is_in_the_logs() {
    let sandbox = Sandbox::new("[services.clock]\nrun = \"sh clock.sh\"\n");
    let count = "import time\nfor n in range(100000):\n    print('tick', n, flush=True)\n    time.sleep(0.005)\n";
    sandbox.write("count.py", count);
    sandbox.write("clock.sh", "python3 count.py &\nexec python3 service.py\n");
    sandbox.up();
    let ticks = || -> Vec<u64> {
        let said = sandbox.isles(&["logs", "clock"]).ok().out;
        let tick = |line: &str| line.split_once("tick ").and_then(|(_, number)| number.trim().parse().ok());
        said.lines().filter_map(tick).collect()
    };
    wait::until("ticks", || (ticks().len() > 20).then_some(()));
    for _ in 0..3 {
        sandbox.kill_platform();
    }
    let seen = ticks().last().copied().unwrap_or(0);
    wait::until("more ticks", || (ticks().last().copied().unwrap_or(0) > seen + 20).then_some(()));
    let ticks = ticks();
    let expected: Vec<u64> = (0..ticks.len() as u64).collect();
    assert_eq!(ticks, expected, "no line is lost, none comes twice");
}

#[test]
fn a_platform_that_is_killed_while_the_system_comes_up_is_followed_by_one_that_goes_on() {
    let sandbox = Sandbox::new(
        "[services.app]\ndir = \"app\"\nbuild = \"until test -e $GO; do sleep 0.01; done; echo ok > made\"\n\
         run = \"test -s made && exec python3 $PROGRAM\"\nenv = { GO = \"FOLDER/go\", PROGRAM = \"FOLDER/service.py\", \
         WAIT_FOR = \"FOLDER/listen\" }\n",
    );
    let manifest = sandbox.read("isles.toml").replace("FOLDER", &sandbox.folder().display().to_string());
    sandbox.write("isles.toml", &manifest);
    sandbox.write("app/part", "");
    let mut up = Foreground::start(sandbox.command(&["up"]), &sandbox.folder());
    let kill_in = |phase: ServicePhase| {
        let ready = |status: &SystemStatus| {
            let service = &status.services[0];
            let started = phase == ServicePhase::Building || service.instances.iter().any(|one| one.pid.is_some());
            service.phase == phase && started
        };
        let status = wait::until("the phase", || sandbox.running().filter(ready));
        process::signal(status.platform_pid, Signal::KILL);
        status.platform_pid
    };
    let first = kill_in(ServicePhase::Building);
    wait::until("the next platform", || sandbox.running().filter(|status| status.platform_pid != first));
    sandbox.write("go", "");
    kill_in(ServicePhase::Starting);
    sandbox.write("listen", "");
    wait::until("all to be healthy", || sandbox.running().filter(|status| status.phase == SystemPhase::Running));
    assert_eq!(sandbox.service("app").healthy, 1);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130), "{}", up.said());
    sandbox.assert_nothing_left();
}

#[test]
fn an_instance_that_ends_meanwhile_is_started_again() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    let (platform, victim) = (sandbox.status().platform_pid, sandbox.pid("back"));
    process::signal(platform, Signal::KILL);
    process::signal(victim, Signal::KILL);
    sandbox.next_platform(platform);
    wait::until("the next run", || sandbox.pids("back").iter().any(|pid| *pid != victim).then_some(()));
    assert_eq!(sandbox.get("/call/back/pid").json()["body"], json!(sandbox.pid("back").to_string()));
}

#[test]
fn a_new_instance_that_ends_meanwhile_takes_its_release_back() {
    let by_hand = "upgrade = { strategy = \"blue-green\", preview = \"manual\" }\n";
    let built = |version: &str| {
        format!(
            "[services.app]\ndir = \"app\"\nbuild = \"true\"\nrun = \"exec python3 service.py\"\n\
             env = {{ V = \"{version}\" }}\n{by_hand}"
        )
    };
    let sandbox = Sandbox::new(&built("one"));
    sandbox.write("app/service.py", &sandbox.read("service.py"));
    sandbox.up();
    sandbox.manifest(&built("two"));
    sandbox.isles(&["deploy", "--detach"]).ok();
    sandbox.rollout_when("the preview", |it| it.paused);
    let (platform, instances) = (sandbox.status().platform_pid, sandbox.pids("app"));
    process::signal(platform, Signal::KILL);
    process::signal(instances[1], Signal::KILL);
    sandbox.next_platform(platform);
    let ended = sandbox.rollout_ended();
    assert_eq!(ended.phase, RolloutPhase::RolledBack, "{ended:#?}");
    assert_eq!(sandbox.pids("app"), instances[..1]);
}

#[test]
fn after_the_keeper_was_killed_up_starts_clean_and_keeps_the_data() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    sandbox.isles(&["call", "back", "/sql", "-d", "CREATE TABLE kept AS SELECT 7 AS n"]).ok();
    let daemon: u32 = sandbox.isles(&["call", "back", "/daemon"]).ok().out.parse().unwrap();
    let before = sandbox.status();
    process::signal(before.keeper_pid, Signal::KILL);
    wait::until_is("the end of the platform", &false, || process::is_alive(before.platform_pid));
    sandbox.up();
    for pid in pids(&before).into_iter().flatten().chain([daemon]) {
        assert!(!process::is_alive(pid), "{pid} is left of the first keeper");
    }
    assert_ne!(sandbox.status().keeper_pid, before.keeper_pid);
    sandbox.isles(&["call", "back", "/sql", "-d", "SELECT n FROM kept"]).ok().says(&["[[7]]"]);
    assert_eq!(sandbox.get("/call/back/status/200").json()["status"], 200);
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_host_reboot_brings_the_system_back_as_it_was() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    sandbox.isles(&["scale", "front=3"]).ok();
    sandbox.isles(&["call", "back", "/sql", "-d", "CREATE TABLE kept AS SELECT 7 AS n"]).ok();
    let before = sandbox.status();
    process::signal(before.keeper_pid, Signal::KILL);
    let left: Vec<_> = pids(&before).into_iter().flatten().chain([before.platform_pid]).collect();
    wait::until_is("the end of all", &true, || left.iter().all(|pid| !process::is_alive(*pid)));
    // What was written is of another boot, in which each of these ids may belong to anybody.
    let mut stranger = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let record = |name: &str| sandbox.path(".isles").join(name);
    let mut records: Vec<_> = std::fs::read_dir(record("processes")).unwrap().map(|one| one.unwrap().path()).collect();
    records.push(record("keeper.json"));
    for path in &records {
        let mut one: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        (one["boot"], one["pid"]) = (json!("another-boot"), json!(stranger.id()));
        std::fs::write(path, one.to_string()).unwrap();
    }
    let said = sandbox.isles(&["up", "-d"]).ok();
    said.never_says("left behind");
    assert!(stranger.try_wait().unwrap().is_none() && records.len() > 4, "{records:?}");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(sandbox.pids("front").len(), 3, "the number that was asked for");
    sandbox.isles(&["call", "back", "/sql", "-d", "SELECT n FROM kept"]).ok().says(&["[[7]]"]);
    assert_eq!(sandbox.get("/call/back/status/200").json()["status"], 200);
}

#[test]
fn an_idle_client_and_a_new_one_both_find_the_next_platform() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    let killed = sandbox.status().platform_pid;
    let gateway = sandbox.gateway;
    let slow = thread::spawn(move || http::request(gateway, "GET", "/sleep/1", b"").map(|answer| answer.status));
    wait::until("the request to be in flight", || {
        sandbox.service("front").instances.iter().any(|instance| instance.in_flight == 1).then_some(())
    });
    process::signal(killed, Signal::KILL);
    assert!(slow.join().unwrap().is_err(), "its connection ended with the process that held it");
    assert!(TcpStream::connect(gateway).is_ok(), "the listener is the keeper's");
    sandbox.next_platform(killed);
    assert_eq!(sandbox.get("/pid").status, 200);
}
