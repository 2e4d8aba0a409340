//! Why a program did not start, in words for a person. Pure.

use ports::{
    keeper::{KeeperError, Refusal},
    workloads::{StartError, Workload},
};
use rustix::io::Errno;

/// What the keeper's refusal means for the workload; `None` if there is no keeper any more.
pub(crate) fn start_error(error: KeeperError, workload: &Workload) -> Option<StartError> {
    match error {
        KeeperError::Refused(refusal) => Some(refused(&refusal, workload)),
        KeeperError::TooLarge(_) => Some(new(error.to_string(), "give the program less in `env` or `env_file`", false)),
        KeeperError::Gone => None,
    }
}

pub(crate) fn new(cause: String, hint: &str, retry: bool) -> StartError {
    StartError { cause, hint: hint.into(), retry }
}

fn refused(refusal: &Refusal, workload: &Workload) -> StartError {
    let folder = workload.folder.display();
    match (refusal.step.as_str(), Errno::from_raw_os_error(refusal.errno)) {
        ("chdir", Errno::NOENT) => {
            new(format!("the folder `{folder}` does not exist"), "make it, or correct `dir` in the manifest", false)
        }
        ("chdir", Errno::NOTDIR) => new(format!("`{folder}` is not a folder"), "correct `dir` in the manifest", false),
        ("chdir", _) => new(refusal.cause.clone(), "give this user the right to enter the folder", false),
        ("exec", Errno::NOENT) => new(refusal.cause.clone(), "install the shell `/bin/sh`", false),
        ("exec", Errno::TOOBIG) => {
            new("command and environment are too large for the host".into(), "give the program less in `env`", false)
        }
        ("exec", Errno::AGAIN | Errno::NOMEM) => {
            new("the host has no room for another process".into(), "see `ulimit -u` and the free memory", true)
        }
        ("fd", _) => new(refusal.cause.clone(), "raise the limit of open files: `ulimit -n`", true),
        ("cgroup", _) => new(refusal.cause.clone(), "see the notices of `isles status` about cgroups", true),
        ("limit", _) => new(refusal.cause.clone(), "lower the limits of the service, or raise the host's", false),
        _ => new(refusal.cause.clone(), "see the message", false),
    }
}

#[cfg(test)]
mod tests {
    use model::{ServiceName, spec::Limits};
    use ports::workloads::WorkloadId;

    use super::*;

    #[test]
    fn refusals_become_causes_and_hints() {
        let workload = Workload {
            id: WorkloadId::Build("users".parse::<ServiceName>().unwrap()),
            command: "./users".into(),
            env: Vec::new(),
            folder: "/srv/users".into(),
            limits: Limits::default(),
            secrets: Vec::new(),
        };
        for (step, errno, cause, retry) in [
            ("chdir", Errno::NOENT, "the folder `/srv/users` does not exist", false),
            ("chdir", Errno::NOTDIR, "`/srv/users` is not a folder", false),
            ("exec", Errno::AGAIN, "the host has no room for another process", true),
            ("exec", Errno::TOOBIG, "command and environment are too large for the host", false),
            ("fd", Errno::MFILE, "said by the keeper", true),
        ] {
            let refusal =
                Refusal { step: step.into(), errno: errno.raw_os_error(), cause: "said by the keeper".into() };
            let error = start_error(KeeperError::Refused(refusal), &workload).unwrap();
            assert_eq!((error.cause.as_str(), error.retry), (cause, retry));
            assert!(!error.hint.is_empty());
        }
    }
}
