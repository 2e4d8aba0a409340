//! A file system for a state folder.

use std::{fs, process::Command};

use crate::sandbox::Sandbox;

/// A state folder on a file system of its own. When it is dropped, the system is stopped and it is unmounted.
#[derive(Debug)]
pub struct Mounted<'a>(&'a Sandbox);

impl<'a> Mounted<'a> {
    /// One of this size, such as `64k`; `None` where it may not be mounted.
    pub fn new(sandbox: &'a Sandbox, size: &str) -> Option<Self> {
        let folder = sandbox.path(".isles");
        fs::create_dir_all(&folder).ok()?;
        let options = format!("size={size},mode=755");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &options, "isles-test"]).arg(folder).output().ok()?;
        mount.status.success().then_some(Self(sandbox))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        self.0.stop();
        let _ = Command::new("umount").arg("-l").arg(self.0.path(".isles")).output();
    }
}
