use model::ByteSize;
use rustix::process::getpid;

use super::*;

const BOTH: Limits = Limits { memory: Some(ByteSize(64 << 20)), cpu_millis: Some(1500) };

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

fn open(own: &Hierarchies) -> Cgroups {
    Cgroups::open(own, "id", u32::MAX, &[])
}

/// A folder with the files of a delegated cgroup2 group.
fn delegated() -> tempfile::TempDir {
    let own = tempfile::tempdir().unwrap();
    fs::create_dir(own.path().join("isles-id")).unwrap();
    fs::write(own.path().join("isles-id/cgroup.kill"), "").unwrap();
    fs::write(own.path().join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
    own
}

#[test]
fn controllers_of_cgroup2_hold_the_limits() {
    let own = delegated();
    let cgroups = open(&Hierarchies { unified: Some(own.path().into()), ..Hierarchies::default() });
    let made = cgroups.make("users.1.7", &BOTH);
    let group = own.path().join("isles-id/users.1.7");
    assert_eq!((made.group.folders, made.rlimits), (vec![group.clone()], vec![]));
    assert_eq!(
        (read(group.join("memory.max")), read(group.join("cpu.max"))),
        ("67108864".into(), "150000 100000".into())
    );
    assert_eq!(read(group.join("memory.oom.group")), "1");
    assert_eq!(cgroups.notices(), Vec::<String>::new());
}

#[test]
fn v1_groups_hold_them_where_cgroup2_cannot() {
    let (own, memory, cpu) = (delegated(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(own.path().join("cgroup.controllers"), "hugetlb\n").unwrap();
    let folder = |dir: &tempfile::TempDir| Some(dir.path().to_path_buf());
    let cgroups = open(&Hierarchies { unified: folder(&own), memory: folder(&memory), cpu: folder(&cpu) });
    let made = cgroups.make("users.1.7", &BOTH);
    let [first, memory, cpu] = [&own, &memory, &cpu].map(|dir| dir.path().join("isles-id/users.1.7"));
    assert_eq!(made.group.folders, [first, memory.clone(), cpu.clone()]);
    assert_eq!(read(memory.join("memory.limit_in_bytes")), "67108864");
    assert_eq!(
        (read(cpu.join("cpu.cfs_quota_us")), read(cpu.join("cpu.cfs_period_us"))),
        ("150000".into(), "100000".into())
    );
    let without_limits = cgroups.make("users.2.8", &Limits::default());
    assert_eq!(without_limits.group.folders, [own.path().join("isles-id/users.2.8")]);
}

#[test]
fn without_cgroups_there_are_rlimits_and_notices() {
    let cgroups = open(&Hierarchies::default());
    let made = cgroups.make("users.1.7", &BOTH);
    assert_eq!(made.group, Group::default());
    assert_eq!(made.rlimits, [Rlimit { resource: LimitedResource::AddressSpace, value: 64 << 20 }]);
    let notices = cgroups.notices();
    for part in ["no cgroup can be made", "memory limits hold for the address space", "cpu limits are not in force"] {
        assert!(notices.iter().any(|notice| notice.contains(part)), "{part}: {notices:?}");
    }
}

#[test]
fn only_our_own_processes_step_aside() {
    let own = tempfile::tempdir().unwrap();
    let me = getpid().as_raw_pid();
    fs::write(own.path().join("cgroup.procs"), format!("{me}\n1\n")).unwrap();
    assert!(!step_aside(own.path(), me.unsigned_abs()));
    assert!(!own.path().join(find::LEAF).exists());
    fs::write(own.path().join("cgroup.procs"), format!("{me}\n")).unwrap();
    assert!(step_aside(own.path(), me.unsigned_abs()));
    assert_eq!(read(own.path().join(find::LEAF).join("cgroup.procs")), me.to_string());
}

#[test]
fn groups_of_unknown_workloads_are_removed() {
    let own = delegated();
    let system = own.path().join("isles-id");
    let [held, unknown] = ["users.1.7", "users.1.6"].map(|name| system.join(name));
    [&held, &unknown].iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let unified = Hierarchies { unified: Some(own.path().into()), ..Hierarchies::default() };
    Cgroups::open(&unified, "id", u32::MAX, std::slice::from_ref(&held));
    assert_eq!((held.exists(), unknown.exists()), (true, false));
}
