//! The processes of a system, as Isles itself starts them.

use std::ffi::OsString;

use super::{Command, InnerArgs};

impl Command {
    /// What such a process runs: `PROGRAM NAME -- ARGUMENTS`. Apart from all other commands, for it lasts: the pages of the program
    /// that clap needs would stay with it.
    pub(crate) fn of_process(line: &[OsString]) -> Option<Self> {
        let [_, name, dashes, args @ ..] = line else { return None };
        let args = InnerArgs { args: args.into() };
        match name.to_str().filter(|_| dashes == "--")? {
            "keeper" => Some(Self::Keeper(args)),
            "platform" => Some(Self::Platform(args)),
            "successor" => Some(Self::Successor(args)),
            _ => None,
        }
    }
}
