//! Where this process stands in the host's cgroup hierarchies (cgroups(7)).

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The group that the platform's own processes move to where only groups without processes may limit others.
pub(super) const LEAF: &str = "isles-platform";

/// The folder of one's own group in each hierarchy; `None` where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hierarchies {
    /// Of cgroup2, with or without controllers.
    pub unified: Option<PathBuf>,
    /// Of the v1 memory controller.
    pub memory: Option<PathBuf>,
    /// Of the v1 cpu controller.
    pub cpu: Option<PathBuf>,
}

impl Hierarchies {
    /// Those of this process, as the host tells.
    pub fn find() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
    }

    fn parse(mounts: &str, groups: &str) -> Self {
        let own = |controller| own_folder(mounts, groups, controller);
        let unified = own("").map(|folder| match folder.parent() {
            Some(parent) if folder.ends_with(LEAF) => parent.into(),
            _ => folder,
        });
        Self { unified, memory: own("memory"), cpu: own("cpu") }
    }
}

/// The folder of the own group of a v1 controller, or of cgroup2 for `""`.
fn own_folder(mounts: &str, groups: &str, controller: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        controllers.split(',').any(|name| name == controller).then(|| fields.next())?
    })?;
    let (root, mount) = mounts.lines().find_map(|line| mount_of(line, controller))?;
    let below = Path::new(group).strip_prefix(root).ok()?;
    Some(if below.as_os_str().is_empty() { mount.into() } else { Path::new(mount).join(below) })
}

/// The root and the place of a mount, if it is that controller's (proc_pid_mountinfo(5)).
fn mount_of<'a>(line: &'a str, controller: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = line.split_once(" - ")?;
    let mut place = before.split(' ').skip(3);
    let mut what = after.split(' ');
    let (kind, options) = (what.next()?, what.nth(1)?);
    let fits = match controller {
        "" => kind == "cgroup2",
        name => kind == "cgroup" && options.split(',').any(|option| option == name),
    };
    fits.then(|| Some((place.next()?, place.next()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_unified_and_none() {
        let hybrid = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                      32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                      35 31 0:32 /pod /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let unified = "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let folders = |unified: &str, memory: &str, cpu: &str| {
            let folder = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
            Hierarchies { unified: folder(unified), memory: folder(memory), cpu: folder(cpu) }
        };
        for (mounts, groups, expected) in [
            (
                hybrid,
                "4:memory:/pod/a\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n",
                folders("/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/cpu,cpuacct"),
            ),
            (hybrid, "4:memory:/other\n0::/\n", folders("/sys/fs/cgroup/unified", "", "")),
            (unified, "0::/user.slice/a.scope\n", folders("/sys/fs/cgroup/user.slice/a.scope", "", "")),
            (unified, "0::/isles.service/isles-platform\n", folders("/sys/fs/cgroup/isles.service", "", "")),
            ("", "0::/\n", Hierarchies::default()),
            (unified, "", Hierarchies::default()),
        ] {
            assert_eq!(Hierarchies::parse(mounts, groups), expected, "{groups}");
        }
    }
}
