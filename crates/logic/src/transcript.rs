//! What the last health checks of an instance met, as a person reads it.

use std::collections::VecDeque;

use model::status::FailedCheck;

/// Runs of checks that failed alike.
const KEPT_MAX: usize = 5;
/// Lines of a body.
const LINES_MAX: usize = 8;
/// What stands in the place of a secret, as in logs.
const HIDDEN: &str = "***";

/// The health checks that have failed since one passed.
#[derive(Debug, Clone, Default)]
pub struct Transcript(VecDeque<FailedCheck>);

impl Transcript {
    /// A check passed: what was before it tells nothing any more.
    pub fn passed(&mut self) {
        self.0.clear();
    }

    /// A check failed, so many milliseconds after the instance was started.
    pub fn failed(&mut self, at_ms: u64, asked: String, answer: Vec<String>) {
        match self.0.back_mut().filter(|last| last.asked == asked && last.answer == answer) {
            Some(last) => (last.count, last.last_ms) = (last.count.saturating_add(1), at_ms),
            None => {
                self.0.push_back(FailedCheck { first_ms: at_ms, last_ms: at_ms, count: 1, asked, answer });
                self.0.drain(..self.0.len().saturating_sub(KEPT_MAX));
            }
        }
    }

    /// The last ones, oldest first.
    pub fn last(&self) -> Vec<FailedCheck> {
        self.0.iter().cloned().collect()
    }
}

/// The lines of an answer as far as they can be shown: its first one and those of its body, without these secrets. Of a body that `is_cut`
/// the end may be the beginning of one.
pub fn lines(first: &str, body: &[u8], is_cut: bool, secrets: &[String]) -> Vec<String> {
    let mut body = String::from_utf8_lossy(body).into_owned();
    hide(&mut body, is_cut, secrets);
    let body = body.lines().filter(|line| !line.trim().is_empty()).take(LINES_MAX);
    std::iter::once(first).chain(body).map(printable).collect()
}

fn hide(body: &mut String, is_cut: bool, secrets: &[String]) {
    // A value of several lines is hidden line by line, and a longer one before those that are in it.
    let mut secrets: Vec<_> =
        secrets.iter().flat_map(|secret| secret.lines()).filter(|line| !line.is_empty()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in &secrets {
        *body = body.replace(secret, HIDDEN);
    }
    let begun =
        |secret: &&str| (1..secret.len()).rev().find(|at| secret.get(..*at).is_some_and(|part| body.ends_with(part)));
    if let Some(bytes) = secrets.iter().filter_map(begun).max().filter(|_| is_cut) {
        body.replace_range(body.len() - bytes.., HIDDEN);
    }
}

fn printable(line: &str) -> String {
    let shown = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    line.trim_end().replace('\t', " ").chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_alike_is_one_entry_and_only_the_last_ones_are_kept() {
        let mut transcript = Transcript::default();
        let mut failed = |at_ms, answer: &str| {
            transcript.failed(at_ms, "GET http://127.0.0.1:1/".into(), vec![answer.into()]);
            let shown = transcript.last();
            shown.iter().map(|it| format!("{}-{} {}x {}", it.first_ms, it.last_ms, it.count, it.answer[0])).collect()
        };
        let rows: [(u64, &str, &[&str]); 8] = [
            (10, "a", &["10-10 1x a"]),
            (20, "a", &["10-20 2x a"]),
            (30, "b", &["10-20 2x a", "30-30 1x b"]),
            (40, "a", &["10-20 2x a", "30-30 1x b", "40-40 1x a"]),
            (50, "c", &["10-20 2x a", "30-30 1x b", "40-40 1x a", "50-50 1x c"]),
            (60, "d", &["10-20 2x a", "30-30 1x b", "40-40 1x a", "50-50 1x c", "60-60 1x d"]),
            (70, "d", &["10-20 2x a", "30-30 1x b", "40-40 1x a", "50-50 1x c", "60-70 2x d"]),
            (80, "e", &["30-30 1x b", "40-40 1x a", "50-50 1x c", "60-70 2x d", "80-80 1x e"]),
        ];
        for (at_ms, answer, expected) in rows {
            let shown: Vec<String> = failed(at_ms, answer);
            assert_eq!(shown, expected);
        }
        transcript.passed();
        assert_eq!(transcript.last(), []);
    }

    #[test]
    fn only_what_can_be_shown_is_shown() {
        for (body, expected) in [
            (&b""[..], &["HTTP/1.1 500 Ill"][..]),
            (b"no\tdatabase\r\n\n  at line 3\n", &["HTTP/1.1 500 Ill", "no database", "  at line 3"]),
            (b"\x1b[2J\x00\xff", &["HTTP/1.1 500 Ill", "\u{fffd}[2J\u{fffd}\u{fffd}"]),
        ] {
            assert_eq!(lines("HTTP/1.1 500 Ill", body, false, &[]), expected);
        }
        assert_eq!(lines("HTTP/1.1 500 Ill", &b"a\n".repeat(100), true, &[]).len(), 1 + LINES_MAX);
    }

    #[test]
    fn no_secret_is_shown_nor_the_beginning_of_one() {
        let secrets = ["hunter2", "hunter22", "one\ntwo", ""].map(String::from);
        for (body, is_cut, expected) in [
            ("pass hunter2, hunter22!", false, "pass ***, ***!"),
            ("two of them", false, "*** of them"),
            ("pass hunt", true, "pass ***"),
            ("pass hunt", false, "pass hunt"),
            ("pass hunter2", true, "pass ***"),
            ("nothing", true, "nothing"),
        ] {
            assert_eq!(lines("HTTP/1.1 500 Ill", body.as_bytes(), is_cut, &secrets)[1], expected, "{body}");
        }
    }
}
