//! Exit codes.

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Ok = 0,
    /// It failed; `check` found errors; the service answered `call` with 4xx or 5xx.
    Failed = 1,
    /// The command line or the manifest is wrong.
    Usage = 2,
    /// It was taken back: the system is as it was.
    RolledBack = 3,
    /// It took too long.
    TimedOut = 4,
    /// It is not allowed.
    Denied = 5,
    /// The system is not running.
    NotRunning = 6,
    /// Interrupted (SIGINT).
    Interrupted = 130,
}

/// The part of `--help` that documents [`ExitCode`].
pub(crate) const HELP: &str = "\
Exit codes:
    0  done
    1  failed; `check` found errors; the service answered `call` with 4xx or 5xx
    2  the command line or the manifest is wrong
    3  taken back: the system is as it was
    4  took too long
    5  not allowed
    6  the system is not running
  130  interrupted";

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        let documented: Vec<u8> =
            HELP.lines().skip(1).map(|line| line.trim().split_once("  ").unwrap().0.parse().unwrap()).collect();
        let codes = [
            ExitCode::Ok,
            ExitCode::Failed,
            ExitCode::Usage,
            ExitCode::RolledBack,
            ExitCode::TimedOut,
            ExitCode::Denied,
            ExitCode::NotRunning,
            ExitCode::Interrupted,
        ];
        assert_eq!(documented, codes.map(|code| code as u8));
    }
}
