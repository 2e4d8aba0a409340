//! How a command of the manifest is run: by `sh`, which makes way for the program where there is only one. Pure.

/// What begins something else than one program: keywords, and what `sh` does itself.
const NOT_A_PROGRAM: [&str; 49] = [
    "!", ".", ":", "[", "[[", "{", "}", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue",
    "declare", "do", "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fg", "fi",
    "for", "function", "if", "local", "printf", "pwd", "read", "return", "set", "shift", "source", "test", "then",
    "trap", "true", "ulimit", "umask", "until", "wait", "while",
];

/// Program and arguments for a shell command. Of one simple command (POSIX.1-2024 XCU 2.9.1) the program itself
/// becomes the process, so that it gets the signals.
pub fn command_line(command: &str) -> Vec<String> {
    let script = if is_simple(command) { format!("exec {command}") } else { command.into() };
    vec!["/bin/sh".into(), "-c".into(), script]
}

fn is_simple(command: &str) -> bool {
    let command = command.trim();
    let first = command.split_whitespace().next().unwrap_or("");
    let assigns = first.split_once('=').is_some_and(|(name, _)| is_name(name));
    !first.is_empty() && !first.starts_with('#') && !assigns && !NOT_A_PROGRAM.contains(&first) && has_one(command)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether nothing outside quotes ends the command or begins another. What is doubtful counts as such.
fn has_one(command: &str) -> bool {
    let mut quote = None;
    let mut previous = ' ';
    let mut chars = command.chars();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None | Some('"'), '\\') => _ = chars.next(),
            (None, '\'' | '"') => quote = Some(char),
            (None, '&') if previous == '>' => {}
            (None, ';' | '|' | '&' | '(' | ')' | '\n' | '`') => return false,
            _ => {}
        }
        previous = char;
    }
    quote.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_makes_the_shell_go_away() {
        for command in [
            "./server",
            "  python3 app.py --port $PORT",
            ".venv/bin/flask --app app run --port \"$PORT\"",
            "gunicorn 'app:create()' -b 127.0.0.1:${PORT:-80}",
            "node -e \"a(); b() | c\"",
            "sleep 1 2>&1 >out <in",
            "find . -exec wc {} +",
            "\"$PYTHON\" app.py a=b",
            "java -jar my\\ app.jar \\;",
            "a+b=c run",
        ] {
            assert_eq!(command_line(command), ["/bin/sh", "-c", &format!("exec {command}")]);
        }
    }

    #[test]
    fn everything_else_is_left_to_the_shell() {
        for command in [
            "",
            "# nothing",
            "a; b",
            "a && b",
            "a | b",
            "a &",
            "a &> out",
            "(a)",
            "{ a; }",
            "a\nb",
            "A=1 b",
            "cd x",
            "if a; then b; fi",
            "exec a",
            "echo a",
            "a `b`",
            "a $(b)",
            "a 'unfinished",
            "! a",
        ] {
            assert_eq!(command_line(command), ["/bin/sh", "-c", command]);
        }
    }
}
