//! `isles up` in the foreground.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
};

use rustix::process::Signal;

use crate::{process, wait};

/// A running `isles up`. It is killed when it is dropped.
#[derive(Debug)]
pub struct Foreground {
    child: Child,
    folder: PathBuf,
}

impl Foreground {
    /// Starts the command; what it writes goes to files in the folder.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(mut command: Command, folder: &Path) -> Self {
        let file = |name: &str| File::create(folder.join(name)).expect("the folder can be written");
        command.stdout(file("up.out")).stderr(file("up.err"));
        Self { child: command.spawn().expect("isles can be started"), folder: folder.into() }
    }

    /// The id of the process: the keeper's.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Waits until it has ended; the exit code, `None` if a signal ended it.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait(&mut self) -> Option<i32> {
        wait::until("the end of `isles up`", || self.child.try_wait().expect("it is our child")).code()
    }

    /// What it wrote so far: data and progress.
    pub fn said(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("up.out") + &read("up.err")
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("isles up wrote:\n{}", self.said());
        }
    }
}
