//! Causes in words, with what a person can do about them.

use std::net::SocketAddr;

use logic::service::{Cause, Ending};
use model::status::Trouble;
use ports::traffic::Target;

/// What is wrong with an instance: its cause, where it should and does listen, and the last lines of its log.
pub(crate) fn trouble(cause: &Cause, target: Option<&Target>, listening: &[SocketAddr], log: Vec<String>) -> Trouble {
    let (cause, hint) = match cause {
        Cause::Ended(ending) => ended(*ending),
        Cause::NotStarted { cause, hint, .. } => (cause.clone(), hint.clone()),
        Cause::NotHealthyInTime(_) | Cause::CheckFails(_) => (cause.to_string(), unhealthy(target, listening)),
        Cause::Interrupted => (cause.to_string(), String::new()),
    };
    Trouble { log, ..Trouble::new(cause, hint) }
}

fn ended(ending: Ending) -> (String, String) {
    let cause = Cause::Ended(ending).to_string();
    match ending {
        Ending::Code(127) => (
            "the program does not exist (the shell's exit code 127)".into(),
            "check `run`: the path is relative to the folder that it runs in, and must be made by `build`".into(),
        ),
        Ending::Code(126) => (
            "the program is not executable (the shell's exit code 126)".into(),
            "make the file executable: chmod +x".into(),
        ),
        Ending::Code(0) => {
            (cause, "a service runs until it is stopped: keep it in the foreground and let it listen".into())
        }
        Ending::Code(_) => (cause, "the last lines of its log say why".into()),
        Ending::Signal(signal) => (cause, signal_hint(signal).into()),
        Ending::OutOfMemory => (cause, "raise `limits.memory`, or find what it keeps".into()),
    }
}

fn signal_hint(signal: i32) -> &'static str {
    match signal {
        4 | 7 | 8 | 11 => "the program crashed: the last lines of its log, or a core dump, say where",
        6 => "the program aborted itself: the last lines of its log say why",
        9 => "somebody killed it, or the host ran out of memory: see `dmesg`",
        _ => "somebody ended it from outside",
    }
}

fn unhealthy(target: Option<&Target>, listening: &[SocketAddr]) -> String {
    match target {
        Some(Target::Tcp(wanted)) if !listening.iter().any(|at| at.port() == wanted.port()) => {
            elsewhere(&format!("$PORT ({})", wanted.port()), listening)
        }
        Some(Target::Unix(_)) if !listening.is_empty() => elsewhere("the Unix socket $SOCKET", listening),
        Some(Target::Unix(_)) => "it must listen on the Unix socket $SOCKET".into(),
        _ => "it listens: see what its health path answers, with `isles call SERVICE PATH` or in its log".into(),
    }
}

fn elsewhere(wanted: &str, listening: &[SocketAddr]) -> String {
    if listening.is_empty() {
        return format!("it listens nowhere: make it listen on {wanted}");
    }
    let places: Vec<_> = listening.iter().map(ToString::to_string).collect();
    format!("it listens on {} instead: make it listen on {wanted}", places.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_it_listens_instead() {
        let target = Target::Tcp("127.0.0.1:20001".parse().unwrap());
        let cause = Cause::NotHealthyInTime("was refused: nothing listens on 127.0.0.1:20001".into());
        let hint = |listening: &[&str]| {
            let listening: Vec<_> = listening.iter().map(|at| at.parse().unwrap()).collect();
            trouble(&cause, Some(&target), &listening, vec![]).hint
        };
        assert_eq!(hint(&[]), "it listens nowhere: make it listen on $PORT (20001)");
        assert_eq!(
            hint(&["127.0.0.1:5000", "[::1]:5000"]),
            "it listens on 127.0.0.1:5000 and [::1]:5000 instead: make it listen on $PORT (20001)"
        );
        assert!(hint(&["0.0.0.0:20001"]).starts_with("it listens: see what its health path answers"));
    }

    #[test]
    fn tells_endings_apart() {
        for (ending, cause, hint) in [
            (Ending::Code(127), "the program does not exist", "check `run`"),
            (Ending::Code(126), "the program is not executable", "chmod +x"),
            (Ending::Code(3), "the program exited with code 3", "last lines"),
            (Ending::Signal(11), "the program was ended by signal 11", "crashed"),
            (Ending::OutOfMemory, "more memory than its limit", "limits.memory"),
        ] {
            let trouble = trouble(&Cause::Ended(ending), None, &[], vec![]);
            assert!(trouble.cause.contains(cause) && trouble.hint.contains(hint), "{trouble:?}");
        }
    }
}
