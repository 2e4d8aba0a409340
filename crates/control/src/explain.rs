//! Causes in words, with what a person can do about them.

use std::net::SocketAddr;

use logic::service::{Cause, Ending};
use model::status::Trouble;
use ports::traffic::Target;

/// What is wrong with an instance, whose program a build made or not: its cause, where it should and does listen, and the last
/// lines of its log.
pub(crate) fn trouble(
    cause: &Cause,
    is_built: bool,
    target: Option<&Target>,
    listening: &[SocketAddr],
    log: Vec<String>,
) -> Trouble {
    let (cause, hint) = match cause {
        Cause::Ended(ending) => ended(*ending, is_built, log.is_empty()),
        Cause::NotStarted { cause, hint, .. } => (cause.clone(), hint.clone()),
        Cause::NotHealthyInTime(_) | Cause::CheckFails(_) => (cause.to_string(), unhealthy(target, listening)),
        Cause::Interrupted => (cause.to_string(), String::new()),
    };
    Trouble { log, ..Trouble::new(cause, hint) }
}

fn ended(ending: Ending, is_built: bool, is_silent: bool) -> (String, String) {
    let cause = Cause::Ended(ending).to_string();
    match ending {
        Ending::Code(127) => (not_found(is_silent), check_run(is_built)),
        Ending::Code(126) => (
            "the program is not executable (the shell's exit code 126)".into(),
            "make the file executable: chmod +x".into(),
        ),
        Ending::Code(0) => {
            (cause, "a service runs until it is stopped: keep it in the foreground and let it listen".into())
        }
        Ending::Code(_) => (cause, exit_hint(is_silent).into()),
        Ending::Signal(signal @ (4 | 6 | 7 | 8 | 11)) => (cause, crash_hint(signal, is_silent).into()),
        Ending::Signal(9) => (cause, "somebody killed it, or the host ran out of memory: see `dmesg`".into()),
        Ending::Signal(_) => (cause, "somebody ended it from outside".into()),
        Ending::OutOfMemory => (cause, "raise `limits.memory`, or find what it keeps".into()),
    }
}

/// It may be what `run` names, or something that this starts.
fn not_found(is_silent: bool) -> String {
    let which = if is_silent { "" } else { ", which the last line of its log names" };
    format!("a command was not found{which} (exit code 127)")
}

fn check_run(is_built: bool) -> String {
    let made = if is_built { ", and must be made by `build`" } else { "" };
    format!("check `run`, and what it starts: a path is relative to the folder that it runs in{made}")
}

fn exit_hint(is_silent: bool) -> &'static str {
    if is_silent {
        "it wrote nothing: let it write to standard error why it ends"
    } else {
        "the last lines of its log say why"
    }
}

fn crash_hint(signal: i32, is_silent: bool) -> &'static str {
    match (signal, is_silent) {
        (6, false) => "the program aborted itself: the last lines of its log say why",
        (6, true) => "the program aborted itself and wrote nothing: a core dump says where",
        (_, false) => "the program crashed: the last lines of its log, or a core dump, say where",
        (_, true) => "the program crashed and wrote nothing: a core dump says where",
    }
}

fn unhealthy(target: Option<&Target>, listening: &[SocketAddr]) -> String {
    match target {
        Some(Target::Tcp(wanted)) if !listening.iter().any(|at| at.port() == wanted.port()) => {
            elsewhere(&format!("$PORT ({})", wanted.port()), listening)
        }
        Some(Target::Unix(_)) if !listening.is_empty() => elsewhere("the Unix socket $SOCKET", listening),
        Some(Target::Unix(_)) => "it must listen on the Unix socket $SOCKET".into(),
        _ => "it listens: the failed checks, and its log, say what is wrong with its answers".into(),
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
            trouble(&cause, false, Some(&target), &listening, vec![]).hint
        };
        assert_eq!(hint(&[]), "it listens nowhere: make it listen on $PORT (20001)");
        assert_eq!(
            hint(&["127.0.0.1:5000", "[::1]:5000"]),
            "it listens on 127.0.0.1:5000 and [::1]:5000 instead: make it listen on $PORT (20001)"
        );
        assert!(hint(&["0.0.0.0:20001"]).starts_with("it listens: the failed checks"));
    }

    #[test]
    fn tells_endings_apart() {
        for (ending, cause, hint) in [
            (Ending::Code(127), "a command was not found, which the last line", "check `run`"),
            (Ending::Code(126), "the program is not executable", "chmod +x"),
            (Ending::Code(3), "the program exited with code 3", "last lines"),
            (Ending::Signal(11), "the program was ended by signal 11", "crashed"),
            (Ending::OutOfMemory, "more memory than its limit", "limits.memory"),
        ] {
            let trouble = trouble(&Cause::Ended(ending), false, None, &[], vec!["sh: x: not found".into()]);
            assert!(trouble.cause.contains(cause) && trouble.hint.contains(hint), "{trouble:?}");
        }
    }

    #[test]
    fn names_only_what_there_is() {
        let said = |code, is_built: bool, log: &[&str]| {
            let log = log.iter().map(|line| (*line).to_owned()).collect();
            trouble(&Cause::Ended(Ending::Code(code)), is_built, None, &[], log)
        };
        assert_eq!(said(127, false, &[]).cause, "a command was not found (exit code 127)");
        assert!(!said(127, false, &["x"]).hint.contains("`build`") && said(127, true, &["x"]).hint.contains("`build`"));
        assert!(said(3, false, &[]).hint.starts_with("it wrote nothing"));
        let crash = trouble(&Cause::Ended(Ending::Signal(11)), false, None, &[], vec![]);
        assert_eq!(crash.hint, "the program crashed and wrote nothing: a core dump says where");
    }
}
