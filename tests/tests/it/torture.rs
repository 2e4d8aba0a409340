//! The platform is killed again and again under load, and the keeper too.

mod releases;

use std::{
    env,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use model::status::SystemPhase;
use ports::clock::{Clock, HostClock};
use rustix::process::Signal;
use tests::{
    http,
    http::Connection,
    process::{self, pids},
    sandbox::{FRONT_AND_BACK, Sandbox},
    wait,
};

/// So often the platform is killed, once a second, unless `ISLES_TORTURE_KILLS` says otherwise.
const KILLS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// Until a killed platform answers again; the figure for a release build is in docs/performance.md.
const READY_MAX: Duration = Duration::from_secs(2);
const CLIENTS: usize = 4;

fn kills() -> u32 {
    let asked = env::vars().find(|(name, _)| name == "ISLES_TORTURE_KILLS");
    asked.map_or(KILLS, |(_, kills)| kills.parse().expect("it is a number"))
}

/// Clients that send each request on a connection of its own.
struct Clients {
    /// Odd while a platform process may be dying.
    era: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<u64, String>>>,
}

impl Clients {
    fn start(address: SocketAddr) -> Self {
        let (era, end) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let start = |_| {
            let (era, end) = (era.clone(), end.clone());
            thread::spawn(move || client(address, &era, &end))
        };
        Self { threads: (0..CLIENTS).map(start).collect(), era, end }
    }

    /// How many requests were answered. A failure that no kill explains is one.
    fn finish(self) -> u64 {
        self.end.store(true, SeqCst);
        self.threads.into_iter().map(|thread| thread.join().expect("it does not panic").expect("no failure")).sum()
    }
}

fn client(address: SocketAddr, era: &AtomicU64, end: &AtomicBool) -> Result<u64, String> {
    let mut answered = 0;
    while !end.load(SeqCst) {
        let before = era.load(SeqCst);
        TcpStream::connect(address).map_err(|error| format!("a connection was not accepted: {error}"))?;
        match http::request(address, "GET", "/call/back/pid", b"") {
            Ok(answer) if answer.status == 200 => answered += 1,
            Ok(answer) => return Err(format!("{} {}", answer.status, answer.text())),
            // It was open when the process that held it was killed.
            Err(error) if era.load(SeqCst) != before || before % 2 == 1 => expect_broken(&error)?,
            Err(error) => return Err(format!("no platform process was killed, but: {error}")),
        }
    }
    Ok(answered)
}

fn expect_broken(error: &io::Error) -> Result<(), String> {
    let broken = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::InvalidData];
    broken.contains(&error.kind()).then_some(()).ok_or_else(|| format!("no broken connection: {error}"))
}

/// Kills the platform; the time until a new connection's request is answered.
fn kill(sandbox: &Sandbox, clock: &HostClock, era: &AtomicU64) -> Duration {
    let killed = wait::until("the platform", || sandbox.running()).platform_pid;
    era.fetch_add(1, SeqCst);
    let begun = clock.now();
    process::signal(killed, Signal::KILL);
    wait::until_is("its end", &false, || process::is_alive(killed));
    // Accepted by the one that dies or by the next one; only the next one answers.
    let mut connection = Connection::tcp(sandbox.gateway).expect("the listener is kept");
    let answer = connection.request("GET", "/pid", "", b"").expect("a connection made after the kill is served");
    let taken = clock.now().since(begun);
    era.fetch_add(1, SeqCst);
    assert_eq!(answer.status, 200, "{}", answer.text());
    taken
}

#[test]
fn the_platform_is_killed_every_second_under_load() {
    let kills = kills();
    let (sandbox, clock) = (Sandbox::new(FRONT_AND_BACK), HostClock::start());
    sandbox.up();
    let before = sandbox.status();
    let clients = Clients::start(sandbox.gateway);
    let mut taken: Vec<Duration> = Vec::new();
    for _ in 0..kills {
        taken.push(kill(&sandbox, &clock, &clients.era));
        thread::sleep(PAUSE);
    }
    let answered = clients.finish();
    taken.sort_unstable();
    let (median, longest) = (taken[taken.len() / 2], taken[taken.len() - 1]);
    println!("{kills} kills, {answered} requests answered; ready again after {median:?}, at most {longest:?}");
    assert!(longest < READY_MAX, "ready again only after {longest:?}");
    assert!(answered > u64::from(kills), "{answered} requests were answered");
    let after =
        wait::until("the system to run", || sandbox.running().filter(|status| status.phase == SystemPhase::Running));
    assert_eq!((after.keeper_pid, pids(&after)), (before.keeper_pid, pids(&before)), "no instance was restarted");
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn the_keeper_is_killed_again_and_again() {
    let sandbox = Sandbox::new(FRONT_AND_BACK);
    sandbox.up();
    sandbox.isles(&["scale", "front=3"]).ok();
    sandbox.isles(&["call", "back", "/sql", "-d", "CREATE TABLE kept (n)"]).ok();
    for round in 1..=3 {
        sandbox.isles(&["call", "back", "/sql", "-d", &format!("INSERT INTO kept VALUES ({round})")]).ok();
        let before = sandbox.status();
        process::signal(before.keeper_pid, Signal::KILL);
        // The kernel ends it in its own time.
        wait::until_is("the end of the keeper", &false, || process::is_alive(before.keeper_pid));
        sandbox.up();
        let left: Vec<_> = pids(&before).into_iter().flatten().filter(|pid| process::is_alive(*pid)).collect();
        assert_eq!(left, [0; 0], "of the keeper before");
        assert_eq!(sandbox.pids("front").len(), 3);
        let expected = format!("[[{round}]]");
        sandbox.isles(&["call", "back", "/sql", "-d", "SELECT count(*) FROM kept"]).ok().says(&[&expected]);
        assert_eq!(sandbox.get("/call/back/status/200").json()["status"], 200);
    }
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}
