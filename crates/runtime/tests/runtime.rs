//! The engine against a real keeper and real programs.

#![allow(clippy::unwrap_used, reason = "these are tests, which clippy cannot tell without the test harness")]

#[path = "../../keeper/tests/rig/mod.rs"]
mod rig;

use std::{
    collections::BTreeSet,
    env, fs,
    net::{SocketAddr, TcpListener},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use model::{ByteSize, InstanceId, spec::Limits};
use ports::{
    clock::HostClock,
    identity::{Identities, Owner, PeerSocket},
    keeper::{Keeper, KeeperError, ListenAddress},
    logs::{LogSelection, Logs},
    tasks::Tasks,
    workloads::{Exit, Held, Workload, WorkloadEvent, WorkloadEvents, WorkloadId, Workloads},
};
use rig::{Platform, Rig, eventually, is_alive};
use runtime::{Hierarchies, KeeperClient, LogLimits, Runtime, RuntimeConfig, connect};
use rustix::process::Signal;

fn main() -> ExitCode {
    rig::main(&[
        ("programs_run_and_end", programs_run_and_end),
        ("a_program_gets_the_signal_itself", a_program_gets_the_signal_itself),
        ("a_tree_is_killed_by_its_cgroup", a_tree_is_killed_by_its_cgroup),
        ("a_tree_is_killed_by_its_session", a_tree_is_killed_by_its_session),
        ("what_a_leader_leaves_behind_delays_nothing", what_a_leader_leaves_behind_delays_nothing),
        ("memory_is_limited", memory_is_limited),
        ("memory_is_limited_without_cgroups", memory_is_limited_without_cgroups),
        ("processor_time_is_limited", processor_time_is_limited),
        ("secrets_do_not_show", secrets_do_not_show),
        ("builds_have_a_log_each", builds_have_a_log_each),
        ("ports_are_found", ports_are_found),
        ("sockets_are_known_by_their_cgroup", sockets_are_known_by_their_cgroup),
        ("sockets_are_known_by_open_files", sockets_are_known_by_open_files),
        ("what_cannot_start_says_why", what_cannot_start_says_why),
        ("programs_are_adopted", programs_are_adopted),
        ("an_end_before_adoption_is_told", an_end_before_adoption_is_told),
        ("without_the_keeper_everything_ends", without_the_keeper_everything_ends),
        ("requests_to_stop_come_through", requests_to_stop_come_through),
        ("the_keeper_ends_after_the_tasks", the_keeper_ends_after_the_tasks),
        ("logs_are_followed_over_rotation", logs_are_followed_over_rotation),
    ])
}

/// An engine as a platform process has it.
struct Engine {
    _platform: Platform,
    tasks: Tasks,
    keeper: Arc<KeeperClient>,
    runtime: Arc<Runtime>,
    events: WorkloadEvents,
}

impl Engine {
    async fn start(rig: &Rig, cgroups: Hierarchies) -> Self {
        let (platform, tasks) = (rig.accept(), Tasks::default());
        let (keeper, inventory, keeper_events) = connect(platform.socket.as_raw_fd(), &tasks).await.unwrap();
        let id = rig.folder.path().file_name().unwrap().to_str().unwrap().replace('.', "");
        let limits = LogLimits { file_bytes_max: 256 * 1024, files_max: 4 };
        let config =
            RuntimeConfig { cgroups, log_limits: limits, ..RuntimeConfig::new(rig.folder.path().join("logs"), id) };
        let clock = Arc::new(HostClock::start());
        let (runtime, events) = Runtime::start(config, keeper.clone(), inventory, keeper_events, clock, tasks.clone());
        Self { _platform: platform, tasks, keeper, runtime, events }
    }

    async fn run(&self, workload: Workload) -> u32 {
        self.runtime.start(workload).await.unwrap()
    }

    async fn event(&mut self) -> WorkloadEvent {
        self.events.recv().await.unwrap()
    }

    async fn exited(&mut self) -> (WorkloadId, Exit, bool) {
        match self.event().await {
            WorkloadEvent::Exited { id, exit, out_of_memory } => (id, exit, out_of_memory),
            other => panic!("not an exit: {other:?}"),
        }
    }

    /// The first lines of a workload's log, once there are so many.
    async fn lines(&self, id: &WorkloadId, count: usize) -> Vec<String> {
        let mut lines = self.runtime.read(LogSelection { follow: true, ..LogSelection::default() }).await;
        while self.runtime.tail(id, 1000).await.len() < count {
            lines.recv().await.unwrap();
        }
        self.runtime.tail(id, 1000).await
    }

    /// Leaves the keeper as a killed platform process does.
    async fn die(self) {
        assert_eq!(self.tasks.stop(Duration::from_secs(5)).await, 0);
        self._platform.die();
    }
}

fn with_engine(cgroups: Hierarchies, test: impl AsyncFnOnce(&mut Rig, Engine)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut rig = Rig::start();
    runtime.block_on(async {
        let engine = Engine::start(&rig, cgroups).await;
        tokio::time::timeout(Duration::from_secs(30), test(&mut rig, engine)).await.unwrap();
    });
}

fn workload(id: &str, command: &str) -> Workload {
    let id = id.parse::<InstanceId>().map_or_else(|_| WorkloadId::Build(id.parse().unwrap()), WorkloadId::Instance);
    let env = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
    Workload { id, command: command.into(), env, folder: "/".into(), limits: Limits::default(), secrets: Vec::new() }
}

/// The cgroups of a process that are of a system.
fn groups_of(pid: u32) -> BTreeSet<String> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    groups.lines().filter(|line| line.contains("/isles-")).map(|line| line.split(':').nth(1).unwrap().into()).collect()
}

fn programs_run_and_end() {
    with_engine(Hierarchies::find(), async |rig, mut engine| {
        for (id, command, exit, lines) in [
            ("users/1#1", "echo out; echo err >&2; exit 3", Exit::Code(3), &["out", "err"][..]),
            ("users/1#2", "printf 'no end'", Exit::Code(0), &["no end"]),
            ("users/1#3", "no-such-program", Exit::Code(127), &[]),
            ("users/2#4", "seq 1000; kill -9 $$", Exit::Signal(9), &[]),
        ] {
            let workload = workload(id, command);
            let id = workload.id.clone();
            engine.run(workload).await;
            assert_eq!(engine.exited().await, (id.clone(), exit, false), "{command}");
            let found = engine.runtime.tail(&id, 2).await;
            let expected = match exit {
                Exit::Code(127) => found.clone(),
                Exit::Signal(_) => vec!["999".into(), "1000".into()],
                Exit::Code(_) => lines.iter().map(ToString::to_string).collect(),
            };
            assert_eq!(found, expected, "{command}");
            engine.runtime.remove(&id).await;
        }
        assert!(rig.folder.path().join("logs/users/1.log").exists());
        let left = Hierarchies::find().unified.map(|own| fs::read_dir(own).unwrap().flatten().collect::<Vec<_>>());
        let name = rig.folder.path().file_name().unwrap().to_str().unwrap().replace('.', "");
        for system in left.unwrap_or_default().iter().filter(|it| it.file_name().to_str().unwrap().ends_with(&name)) {
            let groups = fs::read_dir(system.path()).unwrap().flatten();
            assert_eq!(groups.filter(|entry| entry.path().is_dir()).count(), 0);
        }
    });
}

fn a_program_gets_the_signal_itself() {
    with_engine(Hierarchies::find(), async |_, mut engine| {
        let program = workload("users/1#1", "sleep 1000");
        let id = program.id.clone();
        let pid = engine.run(program).await;
        eventually(|| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap() == "sleep\n");
        eventually(|| engine.runtime.memory_bytes(&id) > Some(4096));
        engine.runtime.terminate(&id).await;
        assert_eq!(engine.exited().await, (id, Exit::Signal(15), false));
    });
}

async fn kill_a_tree(engine: &mut Engine, script: &str) {
    let program = workload("users/1#1", script);
    let id = program.id.clone();
    let leader = engine.run(program.clone()).await;
    let other: u32 = engine.lines(&id, 1).await[0].parse().unwrap();
    assert_eq!([leader, other].map(is_alive), [true; 2]);
    engine.runtime.kill(&id).await;
    assert_eq!([leader, other].map(is_alive), [false; 2]);
    assert_eq!(engine.exited().await, (id.clone(), Exit::Signal(9), false));
    let again = engine.runtime.start(program.clone()).await.unwrap_err();
    assert!(again.cause.contains("runs already"), "{again:?}");
    engine.runtime.remove(&id).await;
    assert_eq!(engine.runtime.memory_bytes(&id), None);
    engine.run(program).await;
    engine.runtime.remove(&id).await;
}

fn a_tree_is_killed_by_its_cgroup() {
    if Hierarchies::find().unified.is_none() {
        eprintln!("skipped: there is no cgroup2 here");
        return;
    }
    with_engine(Hierarchies::find(), async |_, mut engine| {
        let daemon = "(setsid sh -c 'sleep 1000 & echo $!; wait' &); trap '' TERM; while :; do sleep 1000; done";
        kill_a_tree(&mut engine, daemon).await;
    });
}

fn a_tree_is_killed_by_its_session() {
    with_engine(Hierarchies::default(), async |_, mut engine| {
        kill_a_tree(&mut engine, "(sleep 1000 & echo $!); while :; do sleep 1000; done").await;
        assert!(engine.runtime.notices()[0].contains("no cgroup can be made"));
    });
}

fn what_a_leader_leaves_behind_delays_nothing() {
    with_engine(Hierarchies::find(), async |_, mut engine| {
        let program = workload("users/1#1", "(while :; do echo more; sleep 0.01; done & echo $!); echo last; exit 1");
        let id = program.id.clone();
        engine.run(program).await;
        assert_eq!(engine.exited().await, (id.clone(), Exit::Code(1), false));
        let lines = engine.runtime.tail(&id, 1000).await;
        assert!(lines.contains(&"last".into()), "{lines:?}");
        let left: u32 = lines.iter().find_map(|line| line.parse().ok()).unwrap();
        engine.lines(&id, lines.len() + 3).await;
        engine.runtime.remove(&id).await;
        assert!(!is_alive(left));
    });
}

/// `tail` keeps all that it reads while it looks for the last line.
const GREEDY: &str = "head -c 300000000 /dev/zero | tail -n 1 | wc -c";

fn memory_is_limited() {
    let found = Hierarchies::find();
    if found.memory.is_none() && found.unified.is_none() {
        eprintln!("skipped: there are no cgroups here");
        return;
    }
    with_engine(found, async |_, mut engine| {
        let limits = Limits { memory: Some(ByteSize(32 << 20)), cpu_millis: None };
        let program = Workload { limits, ..workload("users/1#1", GREEDY) };
        engine.run(program).await;
        let (_, _, out_of_memory) = engine.exited().await;
        let notices = engine.runtime.notices();
        assert!(out_of_memory || notices.iter().any(|notice| notice.contains("memory limits")), "{notices:?}");
    });
}

fn memory_is_limited_without_cgroups() {
    with_engine(Hierarchies::default(), async |_, mut engine| {
        let limits = Limits { memory: Some(ByteSize(64 << 20)), cpu_millis: Some(500) };
        let program = Workload { limits, ..workload("users/1#1", "ulimit -v") };
        let id = program.id.clone();
        engine.run(program).await;
        engine.exited().await;
        assert_eq!(engine.runtime.tail(&id, 1).await, ["65536"]);
        assert_eq!(engine.runtime.notices().len(), 3);
    });
}

fn processor_time_is_limited() {
    with_engine(Hierarchies::find(), async |_, engine| {
        let limits = Limits { memory: None, cpu_millis: Some(250) };
        let program = Workload { limits, ..workload("users/1#1", "sleep 1000") };
        let pid = engine.run(program).await;
        let has_cpu = Hierarchies::find().cpu.is_some();
        let is_held = groups_of(pid).iter().any(|controllers| controllers.split(',').any(|name| name == "cpu"));
        let noticed = engine.runtime.notices().iter().any(|notice| notice.contains("cpu limits are not in force"));
        assert_eq!((is_held, noticed), (has_cpu, false));
    });
}

fn secrets_do_not_show() {
    with_engine(Hierarchies::find(), async |rig, mut engine| {
        let command = "printf hun; sleep 0.1; echo \"ter2 and $SECRET\"";
        let mut program = Workload { secrets: vec!["hunter2".into()], ..workload("users/1#1", command) };
        program.env.push(("SECRET".into(), "hunter2".into()));
        let id = program.id.clone();
        engine.run(program).await;
        engine.exited().await;
        assert_eq!(engine.runtime.tail(&id, 9).await, ["*** and ***"]);
        engine.runtime.note(&id, "a note\nof two lines");
        assert_eq!(engine.runtime.tail(&id, 9).await[1..], ["isles: a note", "isles: of two lines"]);
        assert!(!fs::read_to_string(rig.folder.path().join("logs/users/1.log")).unwrap().contains("hunter"));
    });
}

fn builds_have_a_log_each() {
    with_engine(Hierarchies::find(), async |rig, mut engine| {
        for (command, exit, lines) in
            [("echo first && false", 1, vec!["first"]), ("cd / && pwd", 0, vec!["/"]), ("true", 0, vec![])]
        {
            let build = workload("users", command);
            let id = build.id.clone();
            engine.run(build).await;
            assert_eq!(engine.exited().await, (id.clone(), Exit::Code(exit), false));
            assert_eq!(engine.runtime.tail(&id, 40).await, lines);
            engine.runtime.remove(&id).await;
        }
        let log = fs::read_to_string(rig.folder.path().join("logs/users/build.log.2")).unwrap();
        assert!(log.contains("Z - first"), "{log}");
    });
}

fn ports_are_found() {
    with_engine(Hierarchies::find(), async |_, engine| {
        let this = env::current_exe().unwrap();
        let program = workload("users/1#1", &format!("{} listen", this.display()));
        let id = program.id.clone();
        let pid = engine.run(program).await;
        let said = engine.lines(&id, 1).await[0].clone();
        let expected: Vec<SocketAddr> = said.split(' ').map(|address| address.parse().unwrap()).collect();
        assert_eq!(engine.runtime.listening(&id).await, expected);
        let taken = ListenAddress::Tcp { address: expected[0], device: None };
        let Err(KeeperError::Refused(refusal)) = engine.keeper.bind("gateway", taken).await else { panic!("bound") };
        assert!(refusal.cause.contains(&format!("process {pid}")), "{refusal:?}");
        let free = ListenAddress::Tcp { address: "127.0.0.1:0".parse().unwrap(), device: Some("lo".into()) };
        let socket = TcpListener::from(engine.keeper.bind("gateway", free.clone()).await.unwrap());
        let again = TcpListener::from(engine.keeper.bind("gateway", free).await.unwrap());
        assert_eq!(socket.local_addr().unwrap(), again.local_addr().unwrap());
        engine.keeper.close("gateway").await.unwrap();
    });
}

fn sockets_are_known_by_their_cgroup() {
    let Some(own) = Hierarchies::find().unified else { return eprintln!("skipped: there is no cgroup2 here") };
    with_engine(Hierarchies::find(), async |rig, mut engine| {
        let name = format!("isles-{}", rig.folder.path().file_name().unwrap().to_str().unwrap().replace('.', ""));
        let group = |instance: &str| own.join(&name).join(instance);
        for id in ["users/1#1", "users/1#2", "orders/1#3"] {
            engine.run(workload(id, "sleep 1000")).await;
        }
        fs::create_dir(group("users.1.2/below")).unwrap();
        let id_of = |folder: &Path| fs::metadata(folder).unwrap().ino();
        let ids = ["users.1.1", "users.1.2", "users.1.2/below", "orders.1.3"].map(|name| id_of(&group(name)));
        let owner = |engine: &Engine, slot: &str, cgroup: u64| {
            engine.runtime.of_socket(&slot.parse().unwrap(), PeerSocket { cgroup: Some(cgroup), inode: 7 })
        };
        let of = |id: &str| Owner::Instance(id.parse().unwrap());
        let expected = ["users/1#1", "users/1#2", "users/1#2", "orders/1#3"].map(of);
        assert_eq!(ids.map(|id| owner(&engine, "users/1", id)), expected, "one that is drained, too");
        assert_eq!(owner(&engine, "users/2", ids[0]), of("users/1#1"));
        assert_eq!(owner(&engine, "users/1", id_of(&own)), Owner::Unknown);
        engine.runtime.remove(&WorkloadId::Instance("users/1#1".parse().unwrap())).await;
        assert_eq!(owner(&engine, "users/1", ids[0]), Owner::Unknown);
        engine.die().await;
        engine = Engine::start(rig, Hierarchies::find()).await;
        assert_eq!(engine.runtime.adopt().await.len(), 2);
        assert_eq!(ids.map(|id| owner(&engine, "users/1", id))[1..3], ["users/1#2"; 2].map(of));
    });
}

fn sockets_are_known_by_open_files() {
    with_engine(Hierarchies::default(), async |_, engine| {
        let this = env::current_exe().unwrap();
        let program = workload("users/1#1", &format!("({} listen & wait)", this.display()));
        let (id, slot) = (program.id.clone(), "users/1".parse().unwrap());
        engine.run(program).await;
        engine.runtime.settled(&slot).await;
        engine.lines(&id, 1).await;
        let listening = engine.runtime.listening(&id).await;
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let port = format!(":{:04X} ", listening.iter().find(|address| address.is_ipv4()).unwrap().port());
        let line = table.lines().find(|line| line.contains(&port)).unwrap();
        let inode = line.split_whitespace().nth(9).unwrap().parse().unwrap();
        let owner =
            |slot: &str, inode| engine.runtime.of_socket(&slot.parse().unwrap(), PeerSocket { cgroup: Some(1), inode });
        assert_eq!(owner("users/1", inode), Owner::Instance("users/1#1".parse().unwrap()), "a child's");
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let stranger = rustix::fs::fstat(&own).unwrap().st_ino;
        let others = [owner("users/1", stranger), owner("users/1", 0), owner("users/2", inode)];
        assert_eq!(others, [Owner::Unknown, Owner::Unknown, Owner::Unknown]);
    });
}

fn what_cannot_start_says_why() {
    with_engine(Hierarchies::find(), async |_, engine| {
        let missing = Workload { folder: "/no/such".into(), ..workload("users/1#1", "true") };
        let large = Workload { env: vec![("A".into(), "x".repeat(200_000))], ..workload("users/1#1", "true") };
        for (workload, cause) in
            [(missing, "the folder `/no/such` does not exist"), (large, "the environment is too large: 200")]
        {
            let error = engine.runtime.start(workload.clone()).await.unwrap_err();
            assert!(error.cause.starts_with(cause) && !error.hint.is_empty() && !error.retry, "{error:?}");
            assert_eq!(engine.runtime.memory_bytes(&workload.id), None);
        }
    });
}

fn programs_are_adopted() {
    with_engine(Hierarchies::find(), async |rig, engine| {
        let gate = |name: &str| rig.folder.path().join(name);
        let wait = |path: PathBuf| format!("while ! [ -e {} ]; do sleep 0.01; done", path.display());
        let ends = format!("{}; echo alone hunter2; exit 5", wait(gate("away")));
        let goes_on = format!("echo before hunter2; {}; echo after hunter2; exit 6", wait(gate("back")));
        let secrets = vec!["hunter2".to_string()];
        let [ends, goes_on] = [("users/1#1", ends), ("users/2#2", goes_on)]
            .map(|(id, command)| Workload { secrets: secrets.clone(), ..workload(id, &command) });
        let (first, second) = (engine.run(ends.clone()).await, engine.run(goes_on.clone()).await);
        engine.lines(&goes_on.id, 1).await;
        engine.die().await;

        let log = rig.folder.path().join("logs/users/1.log");
        fs::write(gate("away"), "").unwrap();
        eventually(|| fs::read_to_string(&log).is_ok_and(|text| text.ends_with(" 1 alone ***\n")));
        eventually(|| !is_alive(first));
        let mut engine = Engine::start(rig, Hierarchies::find()).await;
        let expected = [
            Held { id: ends.id.clone(), pid: first, exit: Some(Exit::Code(5)) },
            Held { id: goes_on.id.clone(), pid: second, exit: None },
        ];
        assert_eq!(engine.runtime.adopt().await, expected);
        engine.runtime.remove(&ends.id).await;
        fs::write(gate("back"), "").unwrap();
        assert_eq!(engine.exited().await, (goes_on.id.clone(), Exit::Code(6), false));
        assert_eq!(engine.runtime.tail(&goes_on.id, 9).await, ["before ***", "after ***"]);
        engine.runtime.remove(&goes_on.id).await;
        engine.die().await;
        let engine = Engine::start(rig, Hierarchies::find()).await;
        assert_eq!(engine.runtime.adopt().await, []);
    });
}

fn an_end_before_adoption_is_told() {
    with_engine(Hierarchies::find(), async |rig, engine| {
        let gate = rig.folder.path().join("gate");
        let ends = workload("users/1#1", &format!("while ! [ -e {} ]; do sleep 0.01; done; exit 5", gate.display()));
        let pid = engine.run(ends.clone()).await;
        engine.die().await;
        let mut engine = Engine::start(rig, Hierarchies::find()).await;
        fs::write(&gate, "").unwrap();
        eventually(|| !is_alive(pid));
        // What the keeper says of it comes before this reply, and is heard before control asks.
        engine.keeper.forget("nobody").await.unwrap();
        tokio::task::yield_now().await;
        let held = Held { id: ends.id.clone(), pid, exit: None };
        assert_eq!(engine.runtime.adopt().await, [held]);
        assert_eq!(engine.exited().await, (ends.id, Exit::Code(5), false));
    });
}

fn without_the_keeper_everything_ends() {
    for cgroups in [Hierarchies::find(), Hierarchies::default()] {
        with_engine(cgroups, async |rig, mut engine| {
            let program = workload("users/1#1", "(sleep 1000 & echo $!); while :; do sleep 1000; done");
            let id = program.id.clone();
            let leader = engine.run(program).await;
            let other: u32 = engine.lines(&id, 1).await[0].parse().unwrap();
            rig.signal(Signal::KILL);
            assert_eq!(engine.event().await, WorkloadEvent::KeeperGone);
            eventually(|| [leader, other].map(is_alive) == [false; 2]);
            let start = engine.runtime.start(workload("users/1#2", "true"));
            let started = tokio::time::timeout(Duration::from_millis(200), start).await;
            assert!(started.is_err(), "the platform ends, and the program is not to blame: {started:?}");
        });
    }
}

fn requests_to_stop_come_through() {
    with_engine(Hierarchies::find(), async |rig, mut engine| {
        rig.signal(Signal::INT);
        assert_eq!(engine.event().await, WorkloadEvent::StopRequested { signal: 2 });
    });
}

fn the_keeper_ends_after_the_tasks() {
    with_engine(Hierarchies::find(), async |rig, engine| {
        let pid = engine.run(workload("users/1#1", "sleep 1000")).await;
        engine.tasks.stop(Duration::from_secs(5)).await;
        engine.runtime.terminate(&workload("users/1#1", "").id).await;
        engine.runtime.stop_keeper(7).await;
        drop(engine);
        assert_eq!((rig.exit_code(), is_alive(pid)), (Some(7), false));
        let own = Hierarchies::find().unified.unwrap_or_default();
        let name = rig.folder.path().file_name().unwrap().to_str().unwrap().replace('.', "");
        assert!(!Path::new(&own).join(format!("isles-{name}")).exists());
    });
}

fn logs_are_followed_over_rotation() {
    with_engine(Hierarchies::find(), async |_, engine| {
        let mut lines = engine.runtime.read(LogSelection { follow: true, ..LogSelection::default() }).await;
        engine
            .run(workload("users/1#1", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; sleep 100"))
            .await;
        let mut expected = 0;
        while expected < 20_000 {
            let line = lines.recv().await.unwrap();
            let number: u64 = match line.text.strip_prefix("line ") {
                Some(number) => number.parse().unwrap(),
                None => panic!("{}", line.text),
            };
            assert_eq!(number, expected);
            expected += 1;
        }
    });
}
