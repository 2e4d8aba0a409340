//! What bad input gets: one clear error with a hint, an exit code, nothing left running and nothing lost.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use rustix::process::geteuid;
use tests::{
    isles::Done,
    mounted::Mounted,
    sandbox::{Sandbox, skipped},
};

/// `isles up`, in the background and in the foreground: fails with this code, says this, leaves nothing.
#[track_caller]
fn check(sandbox: &Sandbox, code: i32, texts: &[&str]) {
    for arguments in [&["up", "-d"][..], &["up"]] {
        let done = sandbox.isles(arguments).code(code).says(texts).says(&["error: ", "hint: "]);
        assert_eq!(done.err.matches("error: ").count(), 1, "one error: {done:#?}");
        sandbox.assert_nothing_left();
    }
}

/// One service whose command is this.
fn check_program(run: &str, more: &str, texts: &[&str]) {
    let sandbox = Sandbox::new(&format!("[services.web]\nrun = \"{run}\"\n{more}\n"));
    sandbox.write("data.txt", "not a program\n");
    check(&sandbox, 1, texts);
    sandbox.isles(&["status"]).code(6);
}

const QUICK: &str = "health = { grace = \"1s\" }";

#[test]
fn a_program_that_does_not_exist() {
    check_program("./nowhere", "", &["`web` cannot come up: a command was not found", "./nowhere", "check `run`"]);
    check_program("no-such-program --fast", "", &["a command was not found", "check `run`"]);
}

#[test]
fn a_program_that_is_not_executable() {
    check_program("./data.txt", "", &["`web` cannot come up: the program is not executable", "chmod +x"]);
}

#[test]
fn a_program_that_exits_at_once() {
    let run = "echo no configuration; exit 3";
    check_program(run, "", &["`web` cannot come up: the program exited with code 3", "no configuration"]);
    check_program("true", "", &["the program exited with code 0", "keep it in the foreground"]);
    check_program("kill -SEGV $$", "", &["the program was ended by signal 11", "crashed"]);
}

#[test]
fn a_program_that_never_listens() {
    check_program(
        "sleep 600",
        QUICK,
        &["`web` cannot come up: it was not healthy in time", "listens nowhere", "$PORT"],
    );
    let unix = format!("{QUICK}\nlisten = \"unix\"");
    check_program("sleep 600", &unix, &["it was not healthy in time", "$SOCKET"]);
}

#[test]
fn a_program_that_listens_elsewhere() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = format!("python3 -m http.server {taken} --bind 127.0.0.1");
    check_program(&run, QUICK, &["it was not healthy in time", &format!("listens on 127.0.0.1:{taken} instead")]);
}

#[test]
fn a_program_whose_health_check_is_answered_with_500() {
    let health = "health = { path = \"/status/500\", grace = \"1s\" }";
    check_program("python3 service.py", health, &["it was not healthy in time", "was answered with status 500"]);
}

#[test]
fn a_build_that_fails() {
    let build = "dir = \"app\"\nbuild = \"for n in $(seq 100); do echo line $n; done; echo missing part >&2; exit 7\"";
    let sandbox = Sandbox::new(&format!("[services.web]\nrun = \"./web\"\n{build}\n"));
    sandbox.write("app/web", "");
    check(&sandbox, 1, &["the build failed with exit code 7", "missing part", "line 100", "seq 100"]);
    let absent = "[services.web]\nrun = \"./web\"\nbuild = \"true\"\nartifact = [\"made\"]\n";
    sandbox.manifest(absent);
    check(&sandbox, 1, &["the build did not make `made`", "artifact"]);
}

#[test]
fn a_port_in_use() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"web\" }\n[services.web]\nrun = \"python3 service.py\"\n",
    );
    let listener = TcpListener::bind(sandbox.gateway).unwrap();
    let own = fs::read_to_string("/proc/self/comm").unwrap();
    let expected = format!("address {} is in use by `{}`, process {}", sandbox.gateway, own.trim(), std::process::id());
    for arguments in [&["up", "-d"][..], &["up"]] {
        sandbox.isles(arguments).code(1).says(&[
            "error: ",
            &expected,
            "hint: stop it, or change `listen` of [gateway]",
        ]);
    }
    drop(listener);
    sandbox.assert_nothing_left();
    sandbox.up();
}

#[test]
fn a_second_up_of_the_same_system() {
    let sandbox = Sandbox::new("[services.web]\nrun = \"python3 service.py\"\n");
    sandbox.up();
    let (keeper, web) = (sandbox.status().keeper_pid, sandbox.pid("web"));
    for arguments in [&["up", "-d"][..], &["up"]] {
        let expected = format!("the system `test` is already up: its keeper is process {keeper}");
        sandbox.isles(arguments).code(1).says(&["error: ", &expected, "hint: ", "isles down"]);
    }
    assert_eq!((sandbox.status().keeper_pid, sandbox.pid("web")), (keeper, web), "the first one runs on");
}

#[test]
fn a_manifest_with_errors() {
    let sandbox = Sandbox::new(
        "[services.web]\nrun = \"./web\"\nreplica = 2\ncalls = [\"stok\"]\ncache = \"redis\"\nafter = [\"stock\"]\n\
         [services.stock]\nafter = [\"web\"]\n",
    );
    let all =
        ["unknown", "`replicas`", "`stock`", "planned", "how to run", "isles.toml:5:1", "^", "web -> stock -> web"];
    sandbox.isles(&["check"]).code(1).says(&all);
    check_manifest(sandbox.isles(&["up", "-d"]));
    check_manifest(sandbox.isles(&["up"]));
    let found = sandbox.isles(&["check", "--json"]).code(1).json();
    let found = found["diagnostics"].as_array().expect("a list").clone();
    assert!(found.len() >= 5, "all are found at once: {found:#?}");
    assert!(found.iter().all(|one| one["line"].is_u64() && one["column"].is_u64()), "{found:#?}");
    assert!(!sandbox.path(".isles").exists(), "nothing was begun");
}

#[track_caller]
fn check_manifest(done: Done) {
    done.code(2).says(&["`replicas`", "planned", "isles.toml has errors", "hint: correct what is shown above"]);
}

#[test]
fn no_manifest() {
    let sandbox = Sandbox::empty();
    sandbox.isles(&["up"]).code(2).says(&["error: there is no isles.toml in", "hint: ", "isles init"]);
    sandbox.isles(&["up", "nowhere"]).code(2).says(&["error: ", "nowhere cannot be read", "hint: "]);
}

#[test]
fn a_secret_that_is_not_given() {
    let sandbox = Sandbox::new("[services.web]\nrun = \"python3 service.py\"\nsecrets = [\"ISLES_TEST_TOKEN\"]\n");
    let secrets = sandbox.path(".isles/secrets");
    check(&sandbox, 1, &["the secret `ISLES_TEST_TOKEN` of `web` is not given", &secrets.display().to_string()]);
    sandbox.write(".isles/secrets", "ISLES_TEST_TOKEN=from-a-file\n");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).unwrap();
    check(&sandbox, 1, &["can be read by others", "chmod 600"]);
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.up();
    let sees_it = || {
        let seen = sandbox.isles(&["call", "web", "/env"]).ok().json();
        assert_eq!(seen["ISLES_TEST_TOKEN"], "from-a-file");
    };
    sees_it();

    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.kill_platform();
    sandbox.isles(&["restart", "web"]).code(1).says(&["can be read by others", "hint: run: chmod 600"]);
    sandbox.isles(&["status"]).ok().says(&["no instance of `web` can start: ", "can be read by others"]);
    sees_it();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let old = sandbox.pid("web");
    sandbox.isles(&["restart", "web"]).ok();
    assert_ne!(sandbox.pid("web"), old);
    sees_it();
}

#[test]
fn an_env_file_that_is_missing() {
    let sandbox = Sandbox::new("[services.web]\nrun = \"python3 service.py\"\nenv_file = \"web.env\"\n");
    for arguments in [&["up", "-d"][..], &["up"]] {
        let done = sandbox.isles(arguments).says(&["web.env", "hint: "]);
        assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
    }
    sandbox.write("web.env", "A=1\nnonsense\n");
    let done = sandbox.isles(&["up", "-d"]).says(&["web.env", "2", "NAME=value"]);
    assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
}

#[test]
fn a_state_folder_of_a_newer_version() {
    let sandbox = Sandbox::new("[services.web]\nrun = \"python3 service.py\"\n");
    sandbox.up();
    sandbox.isles(&["down"]).ok();
    sandbox.write(".isles/version", "999\n");
    let before = sandbox.shell("find .isles -type f -exec md5sum {} + | sort").ok().out;
    check(&sandbox, 1, &["has version 999, this Isles knows up to", "use the newer Isles"]);
    assert_eq!(sandbox.shell("find .isles -type f -exec md5sum {} + | sort").ok().out, before, "it is not touched");
    sandbox.write(".isles/version", "nonsense\n");
    check(&sandbox, 1, &["has no readable version"]);
}

#[test]
fn records_that_are_damaged() {
    let sandbox = Sandbox::new("[services.web]\nrun = \"python3 service.py\"\n");
    sandbox.up();
    sandbox.isles(&["down"]).ok();
    let log = ".isles/state/journal/log-0000000000000001";
    let whole = fs::read(sandbox.path(log)).unwrap();
    sandbox.write(log, "nonsense");
    check(
        &sandbox,
        1,
        &["is damaged: it ends within its header", log, "restore the file from a copy", "databases stay"],
    );
    fs::write(sandbox.path(log), whole).unwrap();
    sandbox.up();
}

#[test]
fn a_full_disk() {
    let sandbox = Sandbox::new("[services.web]\nrun = \"python3 service.py\"\n");
    let state = sandbox.path(".isles");
    let Some(_mounted) = Mounted::new(&sandbox, "64k") else {
        return skipped("bad_input::a_full_disk", "a file system cannot be mounted here (that takes root)");
    };
    sandbox.shell("cat /dev/zero > .isles/filling; true").ok();
    check(&sandbox, 1, &["cannot be written", "No space left on device", "free some space"]);
    fs::remove_file(state.join("filling")).unwrap();
}

#[test]
fn a_disk_that_fills_while_the_system_runs() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"web\" }\n\
         [services.web]\nrun = \"python3 service.py\"\nreplicas = 2\n",
    );
    let state = sandbox.path(".isles");
    let Some(_mounted) = Mounted::new(&sandbox, "4m") else {
        return skipped("bad_input::a_disk_that_fills", "a file system cannot be mounted here (that takes root)");
    };
    sandbox.up();
    sandbox.shell("cat /dev/zero > .isles/filling; true").ok();
    for _ in 0..10 {
        assert_eq!(sandbox.get("/flood/100").status, 200, "requests go on");
    }
    // What Isles remembers has its space already: instances are replaced, and the system stops, while the disk is full.
    let victim = sandbox.pids("web")[0];
    tests::process::signal(victim, rustix::process::Signal::KILL);
    assert_eq!(sandbox.get("/pid").status, 200, "the other instance answers");
    tests::wait::until_is("another instance", &true, || {
        let pids = sandbox.pids("web");
        pids.len() == 2 && !pids.contains(&victim)
    });
    let notices = sandbox.status().notices;
    assert!(notices.iter().all(|notice| notice.starts_with("logs of `web` are not complete")), "{notices:?}");
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
    fs::remove_file(state.join("filling")).unwrap();
}

#[test]
fn a_state_folder_that_cannot_be_written() {
    let sandbox = Sandbox::new("[services.web]\nrun = \"python3 service.py\"\n");
    sandbox.write(".isles", "a file in its place");
    check(&sandbox, 1, &["the state folder", "cannot be written"]);
    fs::remove_file(sandbox.path(".isles")).unwrap();
    if geteuid().is_root() {
        let Some(_mounted) = Mounted::new(&sandbox, "1m") else {
            return skipped("bad_input::a_read_only_state_folder", "a file system cannot be mounted here");
        };
        sandbox.shell("mount -o remount,ro .isles").ok();
        check(&sandbox, 1, &["cannot be written", "read-only"]);
    } else {
        fs::create_dir(sandbox.path(".isles")).unwrap();
        fs::set_permissions(sandbox.path(".isles"), fs::Permissions::from_mode(0o555)).unwrap();
        check(&sandbox, 1, &["cannot be written", "Permission denied", "give yourself the right"]);
    }
}

#[test]
fn a_service_that_cannot_come_up_takes_the_others_down() {
    let sandbox =
        Sandbox::new("[services.good]\nrun = \"python3 service.py\"\n[services.bad]\nrun = \"echo oh no; exit 4\"\n");
    check(&sandbox, 1, &["`bad` cannot come up: the program exited with code 4", "oh no"]);
}

#[test]
fn a_disk_that_fills_while_a_release_is_stored() {
    let sandbox = Sandbox::new(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = { \"/\" = \"web\" }\n\
         [services.web]\nrun = \"python3 service.py\"\nartifact = [\"service.py\", \"data\"]\n",
    );
    let Some(_mounted) = Mounted::new(&sandbox, "24m") else {
        return skipped(
            "bad_input::a_disk_that_fills_while_a_release_is_stored",
            "a file system cannot be mounted here",
        );
    };
    sandbox.write("data", "small");
    sandbox.up();
    let (pid, stored) = (sandbox.pid("web"), sandbox.shell("find .isles/store -type f | sort").ok().out);
    // The first fills while the store takes it in, the second already where it is built.
    for megabytes in [13, 40] {
        sandbox.shell(&format!("head -c {megabytes}M /dev/urandom > data")).ok();
        let answer = sandbox.api("POST", "/v1/deploys", "{}");
        assert_eq!(answer.refusal(), (507, Some("disk-full")), "{}", answer.text());
        let place = sandbox.path(".isles").display().to_string();
        assert!(answer.text().contains(&place) && answer.text().contains("free some space"), "{}", answer.text());
        assert_eq!(sandbox.shell("find .isles/store -type f | sort").ok().out, stored, "nothing half is left");
    }
    assert_eq!((sandbox.get("/pid").text(), sandbox.pid("web")), (pid.to_string(), pid), "what runs is untouched");
    sandbox.write("data", "other");
    let answer = sandbox.api("POST", "/v1/deploys", "{}");
    assert_eq!(answer.status, 202, "{}", answer.text());
}
