//! `isles service`, and a service manager that stands in for systemd.

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::{Command, Stdio},
};

use ports::keeper::packet;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::Signal,
};
use tests::{
    foreground::Foreground,
    http::Connection,
    process,
    sandbox::{Sandbox, skipped},
    wait,
};

const ONE: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "front" }

[services.front]
run = "python3 service.py"
"#;

#[test]
fn the_unit_is_written_and_removed() {
    let sandbox = Sandbox::new(ONE);
    let config = sandbox.path("config").display().to_string();
    let sandbox = sandbox.with_variable("XDG_CONFIG_HOME", &config);
    let printed = sandbox.isles(&["service", "install", "--user", "--print"]).ok();
    let printed = printed.says(&[
        "[Service]\nType=notify\nExecStart=",
        "KillMode=mixed\nDelegate=yes\nFileDescriptorStoreMax=16\nRestart=on-failure\n",
        "\nStartLimitIntervalSec=0\n",
        "WantedBy=default.target\n",
    ]);
    let unit = "config/systemd/user/isles-test.service";
    assert!(!sandbox.path(unit).exists(), "it was only printed");
    let first = "run `isles up -d && isles down` once first";
    let said = ["wrote ", first, "systemctl --user enable --now isles-test"];
    sandbox.isles(&["service", "install", "--user"]).ok().says(&said);
    sandbox.write(".isles/manifest.toml", &sandbox.read("isles.toml"));
    sandbox.isles(&["service", "install", "--user"]).ok().never_says(first);
    sandbox
        .isles(&["service", "install", "--print", "--json"])
        .code(2)
        .says(&["a unit is a file of systemd, not JSON"]);
    assert_eq!(sandbox.read(unit), printed.out);
    let program = sandbox.path(".isles/bin/isles");
    assert!(
        printed.out.contains(&format!("ExecStart=\"{}\" up --resume --file ", program.display()))
            && program.is_symlink()
    );
    verify(&sandbox, unit);
    let wants = sandbox.path("config/systemd/user/default.target.wants/isles-test.service");
    std::fs::create_dir_all(wants.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(sandbox.path(unit), &wants).unwrap();
    sandbox.isles(&["service", "uninstall", "--user"]).code(1).says(&["is enabled", "disable --now isles-test"]);
    std::fs::remove_file(wants).unwrap();
    sandbox.isles(&["service", "uninstall", "--user"]).ok().says(&["removed ", "daemon-reload"]);
    sandbox.isles(&["service", "uninstall", "--user"]).code(1).says(&["there is no unit "]);
}

/// Has systemd read the unit, where it is installed.
fn verify(sandbox: &Sandbox, unit: &str) {
    let mut command = Command::new("systemd-analyze");
    match command.args(["verify", "--man=no", "--user"]).arg(sandbox.path(unit)).output() {
        Err(error) => skipped("the_unit_is_written_and_removed", &format!("systemd-analyze: {error}")),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let about = said.lines().filter(|line| line.contains("isles-test")).collect::<Vec<_>>();
            assert!(about.is_empty(), "{said}");
        }
    }
}

/// The socket at which the manager is told, and what it keeps.
struct Manager(UnixDatagram);

impl Manager {
    fn new(sandbox: &Sandbox) -> Self {
        Self(UnixDatagram::bind(sandbox.path("notify")).expect("the folder is new"))
    }

    /// Starts `isles up` as systemd does, with the gateway's listener if that was kept.
    fn start(&self, sandbox: &Sandbox, kept: Option<TcpListener>) -> Foreground {
        let isles = sandbox.command(&["up"]);
        let mut shell = Command::new("sh");
        let given = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=gateway;";
        let given = if kept.is_some() { given } else { "" };
        shell.args(["-c", &format!("{given} exec \"$0\" up")]).arg(isles.get_program()).current_dir(sandbox.folder());
        shell.envs(isles.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("NOTIFY_SOCKET", sandbox.path("notify"));
        shell.stdin(kept.map_or_else(Stdio::null, |kept| OwnedFd::from(kept).into()));
        Foreground::start(shell, &sandbox.folder())
    }

    /// What is told next, and the descriptor beside it.
    fn told(&self) -> (String, Option<OwnedFd>) {
        let timeout = Timespec { tv_sec: 30, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout));
        assert_eq!(ready, Ok(1), "nothing was told within 30 s");
        let (text, fd) = packet::receive(&self.0).expect("it was told");
        (String::from_utf8(text).expect("it is text"), fd)
    }
}

#[test]
fn the_manager_is_told_and_its_listeners_outlive_the_keeper() {
    let sandbox = Sandbox::new(ONE);
    let manager = Manager::new(&sandbox);
    let up = manager.start(&sandbox, None);
    let mut kept = None;
    let mut told = Vec::new();
    while told.last().is_none_or(|text| text != "READY=1") {
        let (text, fd) = manager.told();
        kept = kept.or(fd.filter(|_| text == "FDSTORE=1\nFDNAME=gateway"));
        told.push(text);
    }
    assert_eq!(told, ["FDSTORE=1\nFDNAME=connections", "FDSTORE=1\nFDNAME=gateway", "READY=1"]);
    let kept = TcpListener::from(kept.expect("it came"));
    let before = wait::until("the system", || sandbox.running().filter(|status| !status.services.is_empty()));
    process::signal(up.pid(), Signal::KILL);
    wait::until_is("the end of the platform", &false, || process::is_alive(before.platform_pid));
    let mut waiting = Connection::tcp(sandbox.gateway).expect("the manager has the listener");

    let mut up = manager.start(&sandbox, Some(kept));
    let answer = waiting.request("GET", "/status/200", "", b"").expect("it waited for the next keeper");
    assert_eq!(answer.status, 200, "{}", answer.text());
    up.signal(Signal::TERM);
    assert_eq!(up.wait(), Some(0), "{}", up.said());
    let told = std::iter::repeat_with(|| manager.told().0).find(|text| text == "STOPPING=1");
    assert!(told.is_some());
    sandbox.assert_nothing_left();
}
