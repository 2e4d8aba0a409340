//! Small texts: ages, words, widths, and what a terminal must not be sent.

use std::time::Duration;

use model::{Timestamp, api::Content};
use serde::Serialize;
use unicode_width::UnicodeWidthChar;

/// The name of a phase as the API writes it.
pub(crate) fn word(phase: &impl Serialize) -> String {
    match serde_json::to_value(phase) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The scheme of the gateway's URLs.
pub(crate) fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// A duration as its two largest units: `0.4s`, `45s`, `3m12s`, `2h5m`, `3d4h`.
pub(crate) fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{}.{}s", seconds, duration.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Microseconds with two or three digits: `850us`, `4.2ms`, `130ms`, `2.5s`.
pub(crate) fn latency(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros}us"),
        1_000..10_000 => format!("{}.{}ms", micros / 1_000, micros / 100 % 10),
        10_000..1_000_000 => format!("{}ms", micros / 1_000),
        _ => format!("{}.{}s", micros / 1_000_000, micros / 100_000 % 10),
    }
}

/// How long ago something was: `3m12s ago`; nothing if it never was.
pub(crate) fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map(|at| format!("{} ago", age(now.since(at)))).unwrap_or_default()
}

/// A moment with milliseconds (RFC 3339, UTC).
pub(crate) fn moment(at: Timestamp) -> String {
    let time = i64::try_from(at.0).ok().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    format!("{:.3}", time.unwrap_or(jiff::Timestamp::MAX))
}

/// A content in one line.
pub(crate) fn one_line(content: &Content) -> String {
    match content {
        Content::Text(text) => clean(&text.split(['\r', '\n']).collect::<Vec<_>>().join(" "), false),
        Content::Binary { .. } => {
            format!("({}, no text)", count(content.bytes().map_or(0, |bytes| bytes.len()), "byte"))
        }
    }
}

/// `1 service`, `2 services`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The columns that a text without escape sequences takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The text cut to `columns`, with an ellipsis where it was cut.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.into();
    }
    let mut used = 1;
    let kept = text.chars().take_while(|c| {
        used += char_width(*c);
        used <= columns
    });
    let mut kept: String = kept.collect();
    if columns > 0 {
        kept.push('\u{2026}');
    }
    kept
}

/// The text without control characters and escape sequences, so that a program cannot move the cursor or hide what
/// another one wrote. Colours stay where they are wanted and are reset at the end.
pub(crate) fn clean(text: &str, colors: bool) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut colored = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = escape_sequence(rest) {
            if colors && is_color(sequence) {
                cleaned.push_str(sequence);
                colored = true;
            }
            rest = &rest[sequence.len()..];
            continue;
        }
        if c == '\t' || !c.is_control() {
            cleaned.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    if colored {
        cleaned.push_str("\x1b[0m");
    }
    cleaned
}

/// The control sequence (ECMA-48 section 5.4) or operating system command (section 8.3.89) that the text begins with.
fn escape_sequence(text: &str) -> Option<&str> {
    let end = match text.as_bytes() {
        [0x1b, b'[', rest @ ..] => {
            let parameters = rest.iter().take_while(|byte| (0x20..=0x3f).contains(*byte)).count();
            let ends = rest.get(parameters).is_some_and(|byte| (0x40..=0x7e).contains(byte));
            if ends { parameters + 3 } else { 2 }
        }
        [0x1b, b']', rest @ ..] => 2 + rest.iter().position(|byte| *byte == 0x07).map_or(0, |at| at + 1),
        [0x1b, ..] => 1,
        _ => return None,
    };
    text.get(..end)
}

fn is_color(sequence: &str) -> bool {
    let parameters = sequence.strip_prefix("\x1b[").and_then(|rest| rest.strip_suffix('m'));
    parameters.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b';' || byte == b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (millis, text) in [
            (0, "0.0s"),
            (2_345, "2.3s"),
            (45_999, "45s"),
            (192_000, "3m12s"),
            (7_500_000, "2h5m"),
            (273_600_000, "3d4h"),
        ] {
            assert_eq!(age(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn latencies() {
        for (micros, text) in [
            (0, "0us"),
            (999, "999us"),
            (4_250, "4.2ms"),
            (130_400, "130ms"),
            (2_560_000, "2.5s"),
            (60_000_000, "60.0s"),
        ] {
            assert_eq!(latency(micros), text);
        }
    }

    #[test]
    fn fits() {
        for (text, columns, fitted) in [
            ("users", 5, "users"),
            ("users", 4, "use\u{2026}"),
            ("\u{4e16}\u{754c}\u{4e16}", 5, "\u{4e16}\u{754c}\u{2026}"),
            ("\u{4e16}\u{754c}\u{4e16}", 4, "\u{4e16}\u{2026}"),
            ("users", 0, ""),
        ] {
            assert_eq!(fit(text, columns), fitted);
            assert!(width(fitted) <= columns);
        }
    }

    #[test]
    fn cleans() {
        for (text, with_colors, without) in [
            ("plain\ttext", "plain\ttext", "plain\ttext"),
            ("\x1b[31mred", "\x1b[31mred\x1b[0m", "red"),
            ("a\x1b[2Jb\rc\x08", "abc", "abc"),
            ("\x1b]0;title\x07x", "x", "x"),
            ("\x1b]0;never ended", "0;never ended", "0;never ended"),
            ("\x1b[99", "99", "99"),
            ("\x1b[\u{fc}A", "\u{fc}A", "\u{fc}A"),
            ("\x1b", "", ""),
            ("\u{9b}31mx", "31mx", "31mx"),
        ] {
            assert_eq!((clean(text, true).as_str(), clean(text, false).as_str()), (with_colors, without), "{text:?}");
        }
    }
}
