//! A folder with a manifest and small programs, and the system that is started from it.

mod system;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
};

use model::status::SystemPhase;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    binary,
    foreground::Foreground,
    http::{self, Answer},
    isles::Done,
    process, wait,
};

/// A manifest: two instances of `front`, which the gateway leads to, call `back`. Keys that are added are those of `back`.
pub const FRONT_AND_BACK: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "front" }

[services.front]
run = "python3 service.py"
replicas = 2
calls = ["back"]

[services.back]
run = "python3 service.py"
store = "sqlite"
"#;

const SERVICE: &str = include_str!("../programs/service.py");
/// Gateways of tests listen below the ports that Isles and the kernel give.
const GATEWAYS: std::ops::Range<u16> = 10_000..19_000;

/// A folder with a manifest. When it is dropped, what runs from it is stopped.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    /// The address that `GATEWAY` stands for in the manifest.
    pub gateway: SocketAddr,
    variables: Vec<(String, String)>,
}

impl Sandbox {
    /// A sandbox whose manifest is this text, after `[system]`; `GATEWAY` in it becomes a free address. The program
    /// `service.py` lies beside it.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(manifest: &str) -> Self {
        let sandbox = Self::empty();
        sandbox.write("service.py", SERVICE);
        sandbox.manifest(manifest);
        sandbox
    }

    /// An empty sandbox.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("isles-").tempdir().expect("the host has a folder for this");
        Self { folder, gateway: free_address(), variables: Vec::new() }
    }

    /// A copy of an example that listens on a free address. What it builds is kept between runs.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn example(name: &str) -> Self {
        let sandbox = Self::empty();
        copy(&binary::repository().join("examples").join(name), &sandbox.folder());
        let manifest = sandbox.read("isles.toml");
        let listen = manifest.lines().find(|line| line.starts_with("listen")).expect("an example has a gateway");
        sandbox.write("isles.toml", &manifest.replace(listen, &format!("listen = \"{}\"", sandbox.gateway)));
        fs::create_dir(sandbox.path(".isles")).expect("the folder is new");
        for kept in ["builds", "cache"] {
            let link = sandbox.path(".isles").join(kept);
            symlink(binary::kept(&format!("{name}/{kept}")), link).expect("the folder is new");
        }
        sandbox
    }

    /// Gives `isles` an environment variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Writes the manifest anew.
    pub fn manifest(&self, text: &str) {
        let text = text.replace("GATEWAY", &self.gateway.to_string());
        self.write("isles.toml", &format!("[system]\nname = \"test\"\n{text}"));
    }

    /// The folder, without symbolic links.
    ///
    /// # Panics
    /// When it is gone.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("the folder is there as long as the sandbox is")
    }

    /// A path in the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    /// Writes a file, folders included.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder can be made");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Writes a program that may be executed.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_program(&self, path: &str, text: &str) {
        self.write(path, text);
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o755)).expect("it was just written");
    }

    /// The content of a file; empty if there is none.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// The command `isles` in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary::isles());
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null());
        command.env_remove("XDG_RUNTIME_DIR").env("NO_COLOR", "1").env("PATH", path()).envs(self.variables.clone());
        command
    }

    /// Runs `isles` in the folder to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn isles(&self, arguments: &[&str]) -> Done {
        finish(self.command(arguments), format!("isles {}", arguments.join(" ")))
    }

    /// Runs a shell command in the folder to its end; `isles` is on its path.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn shell(&self, line: &str) -> Done {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.folder()).env("PATH", path());
        finish(command, line.into())
    }

    /// `isles up -d`, which must succeed.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn up(&self) -> &Self {
        self.isles(&["up", "-d"]).ok();
        self
    }

    /// `isles up` in the foreground, awaited until all is healthy.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn up_in_foreground(&self) -> Foreground {
        let foreground = Foreground::start(self.command(&["up"]), &self.folder());
        wait::until("the system to run", || self.running().filter(|status| status.phase == SystemPhase::Running));
        foreground
    }

    /// A `GET` through the gateway.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        http::request(self.gateway, "GET", path, b"").unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Has a service publish a message with an inbox at its `$NATS_URL`; what the server says until this text is in it.
    ///
    /// # Panics
    /// When the service does not answer.
    #[track_caller]
    pub fn publish(&self, service: &str, subject: &str, body: &str, until: &str) -> String {
        let said = format!("SUB _INBOX.t 1\r\nPUB {subject} _INBOX.t {}\r\n{body}\r\n", body.len());
        self.post(&format!("/{service}/nats/{until}"), &said).text()
    }

    /// A `POST` through the gateway.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn post(&self, path: &str, body: &str) -> Answer {
        http::request(self.gateway, "POST", path, body.as_bytes())
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Asserts that nothing of the system is left: no process, no listener, no instance's cgroup.
    ///
    /// # Panics
    /// When something is.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        wait::until_is("the end of every process", &Vec::new(), || process::about(&self.folder()));
        assert!(TcpListener::bind(self.gateway).is_ok(), "something listens on {}", self.gateway);
        let instances: Vec<_> = self.cgroups().iter().flat_map(|group| folders(group)).collect();
        assert_eq!(instances, Vec::<PathBuf>::new(), "cgroups are left");
    }

    /// The system's own cgroups, one in each hierarchy.
    pub fn cgroups(&self) -> Vec<PathBuf> {
        let Some(id) = self.system_id() else { return Vec::new() };
        let mut found = Vec::new();
        find_groups(Path::new("/sys/fs/cgroup"), &id, 6, &mut found);
        found
    }

    /// The eight digits that tell this system from others: the name of its folder for sockets.
    fn system_id(&self) -> Option<String> {
        Some(fs::read_link(self.path(".isles/run")).ok()?.file_name()?.to_str()?.to_owned())
    }

    /// Stops what runs, politely if possible.
    pub fn stop(&self) {
        if self.keeper().is_some() {
            let _ = self.command(&["down", "--timeout", "20s"]).output();
        }
        if let Some(pid) = self.keeper() {
            process::signal(pid, Signal::KILL);
        }
    }

    fn keeper(&self) -> Option<u32> {
        let record: serde_json::Value = serde_json::from_str(&self.read(".isles/keeper.json")).ok()?;
        u32::try_from(record["pid"].as_u64()?).ok().filter(|pid| process::is_alive(*pid))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of isles:\n{}", self.read(".isles/logs/isles.log"));
        }
        self.stop();
    }
}

/// The path of programs: first the folder of `isles`, then that of Python itself, which some hosts wrap in slow scripts.
fn path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let isles = binary::isles().parent().expect("a program lies in a folder").display();
        let python = "import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)), end='')";
        let output = Command::new("sh").args(["-c", "python3 -c \"$0\"; printf :%s \"$PATH\"", python]).output();
        let rest = output.expect("there is a shell").stdout;
        format!("{isles}:{}", String::from_utf8_lossy(&rest))
    })
}

/// What an example is made of, without what was made from it.
fn copy(from: &Path, to: &Path) {
    const MADE: [&str; 4] = ["target", ".isles", ".venv", "__pycache__"];
    for entry in fs::read_dir(from).expect("the example is there").flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if MADE.iter().any(|made| entry.file_name() == *made) {
            continue;
        }
        if path.is_dir() {
            fs::create_dir(&copy).expect("the folder is new");
            self::copy(&path, &copy);
        } else {
            fs::copy(&path, &copy).expect("the example can be read");
        }
    }
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| path.is_dir() && !path.is_symlink()).collect()
}

fn find_groups(folder: &Path, name: &str, depth: u32, found: &mut Vec<PathBuf>) {
    for path in folders(folder) {
        if path.file_name().is_some_and(|found| found.to_string_lossy().contains(name)) {
            found.push(path);
        } else if depth > 0 {
            find_groups(&path, name, depth - 1, found);
        }
    }
}

fn finish(mut command: Command, line: String) -> Done {
    let output = command.output().unwrap_or_else(|error| panic!("{line}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { command: line, code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// An address on which nothing listens, never given twice to one test process.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = GATEWAYS.end - GATEWAYS.start;
    let start = u16::try_from(u32::from(width) * (std::process::id() % 97) / 97).expect("it is below the width");
    let mut candidates = (0..width).map(|_| {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed) % width) % width;
        SocketAddr::from((Ipv4Addr::LOCALHOST, GATEWAYS.start + offset))
    });
    candidates.find(|address| TcpListener::bind(address).is_ok()).expect("one of nine thousand ports is free")
}

/// Says on standard error that a test cannot run here, and why; the tests' own capture does not hide it.
pub fn skipped(test: &str, why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
