//! An address of an instance is for its processes alone.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use model::{Reason, api::Why};
use rustix::process::Signal;
use tests::{
    http::{self, Answer, Connection},
    process,
    sandbox::Sandbox,
    wait,
};

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "front", "/other" = { to = "other", strip = true } }

[services.front]
run = "python3 service.py"
calls = ["back"]

[services.other]
run = "python3 service.py"
calls = ["back"]

[services.back]
run = "python3 service.py"
listen = "unix"
"#;

/// Where the only instance of a service reaches `back`.
fn address(sandbox: &Sandbox, service: &str) -> SocketAddr {
    given(sandbox, service, "BACK_URL=http://").parse().expect("an address")
}

/// The same for its Unix socket.
fn socket(sandbox: &Sandbox, service: &str) -> PathBuf {
    given(sandbox, service, "BACK_SOCKET=").into()
}

fn given(sandbox: &Sandbox, service: &str, prefix: &str) -> String {
    let environment = process::environment(sandbox.pid(service));
    let value = environment.iter().find_map(|variable| variable.strip_prefix(prefix));
    value.expect("it may call back").to_owned()
}

fn refused(answer: &Answer) -> bool {
    answer.refusal() == (403, Some("not-attested"))
}

#[track_caller]
fn assert_attested(sandbox: &Sandbox, kinds: &[&str]) {
    let theirs = address(sandbox, "other");
    for path in ["/call/back/a", "/other/call/back/a"] {
        assert_eq!(sandbox.get(path).json()["status"], 200, "{path}");
    }
    for kind in kinds {
        assert_eq!(sandbox.get(&format!("/child/{kind}/back/a")).text(), "HTTP/1.1 200", "{kind}");
    }
    let said = sandbox.get(&format!("/fetch/{theirs}/by-front")).json();
    assert_eq!((said["status"].as_u64(), said["reason"].as_str()), (Some(403), Some("not-attested")), "{said}");
    assert!(refused(&http::request(theirs, "POST", "/by-nobody", b"body").expect("an answer")));
}

#[track_caller]
fn assert_attested_over_sockets(sandbox: &Sandbox) {
    for path in ["/socket/back/status/200", "/other/socket/back/status/200"] {
        assert_eq!(sandbox.get(path).text(), "status 200 200", "{path}");
    }
    let theirs = socket(sandbox, "other");
    let file = theirs.file_name().and_then(|name| name.to_str()).expect("a name of ours");
    let said = sandbox.get(&format!("/socket/{file}/by-front")).text();
    assert!(said.ends_with(" 403") && said.contains("not-attested"), "{said}");
    let nobody = Connection::unix(&theirs).and_then(|mut it| it.request("POST", "/by-nobody", "", b"body"));
    assert!(refused(&nobody.expect("an answer")));
}

#[test]
fn only_its_own_processes_use_an_address() {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.up();
    assert_attested(&sandbox, &["child", "daemon", "inherited"]);
    let why: Why = sandbox.typed("/v1/services/back/why");
    let seen: Vec<_> = why.failures.iter().map(|one| (one.request.as_str(), one.connection.as_str())).collect();
    assert_eq!(seen, [("POST /by-nobody", "other/1 -> back"), ("GET /by-front", "other/1 -> back")]);
    assert!(why.failures.iter().all(|failure| failure.reason == Some(Reason::NotAttested)));
    sandbox.isles(&["why", "back"]).ok().says(&["not-attested", "POST /by-nobody", "none of its own"]);
    assert_attested_over_sockets(&sandbox);
    assert_eq!(sandbox.status().notices, Vec::<String>::new());
    sandbox.isles(&["status"]).ok().says(&["INBOUND", "front    healthy  1/1       open", "1/1       mesh-only"]);
    let operator = sandbox.service("back").address.expect("an address");
    assert_eq!(http::request(operator, "GET", "/", b"").expect("an answer").status, 200);
}

#[test]
fn who_they_are_outlives_crashes() {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.up();
    sandbox.kill_platform();
    assert_attested(&sandbox, &["child", "daemon"]);
    assert_attested_over_sockets(&sandbox);
    let front = sandbox.pid("front");
    process::signal(front, Signal::KILL);
    wait::until("another instance", || sandbox.pids("front").iter().any(|pid| *pid != front).then_some(()));
    assert_attested(&sandbox, &["child"]);
    sandbox.isles(&["restart", "front"]).ok();
    assert_attested(&sandbox, &["child"]);
    assert_attested_over_sockets(&sandbox);
}

/// Without a cgroup2 mount the sockets are looked for among the open files of the instance's processes.
#[test]
fn without_cgroups_open_files_tell() {
    let sandbox = Sandbox::new(MANIFEST);
    let unmounted = "awk '/ - cgroup2 /{print $5}' /proc/self/mountinfo | xargs -r umount -l";
    let up = sandbox.shell(&format!("unshare -m sh -c \"{}; exec isles up -d\"", unmounted.replace('$', "\\$")));
    if up.code != Some(0) && rustix::process::geteuid().as_raw() != 0 {
        return tests::sandbox::skipped("without_cgroups_open_files_tell", "only root may unmount cgroup2");
    }
    up.ok();
    assert!(sandbox.status().notices.iter().any(|notice| notice.contains("no cgroup can be made")));
    assert_attested(&sandbox, &["child", "inherited"]);
    assert_attested_over_sockets(&sandbox);
    let daemon = sandbox.get("/child/daemon/back/a");
    assert_eq!(daemon.text(), "HTTP/1.1 403", "nothing tells that it was the instance's");
}

#[test]
fn the_first_call_may_come_at_once() {
    const CALLERS: usize = 50;
    const FIRST: &str = r#"
import os, socket
host, port = os.environ["BACK_URL"][len("http://"):].split(":")
asking = socket.create_connection((host, int(port)))
asking.sendall(b"GET /status/200 HTTP/1.1\r\nhost: a\r\n\r\n")
print("first call", asking.recv(12).decode(), flush=True)
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    listener.accept()[0].close()
"#;
    let sandbox = Sandbox::new(&format!(
        "[services.back]\nrun = \"python3 service.py\"\n\
         [services.front]\nrun = \"exec python3 -SE first.py\"\nafter = [\"back\"]\nreplicas = {CALLERS}\ncalls = [\"back\"]\n"
    ));
    sandbox.write("first.py", FIRST);
    sandbox.up();
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for line in sandbox.isles(&["logs", "front"]).ok().out.lines() {
        if let Some((_, answer)) = line.split_once("first call ") {
            *answers.entry(answer.into()).or_default() += 1;
        }
    }
    assert_eq!(answers, BTreeMap::from([("HTTP/1.1 200".into(), CALLERS)]));
}
