//! The lines of a log file: `2026-11-22T18:48:01.123456Z RUN TEXT`, RUN being `-` for a build. Pure.

use serde::{Deserialize, Serialize};

/// The longest text of a line, in bytes; a longer one is split.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The length of a time, in bytes.
const TIME_BYTES: usize = 27;

/// A line of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// When it was read, in microseconds since 1970.
    pub at: u64,
    /// The number of the run that wrote it; `None` for a build.
    pub run: Option<u64>,
    /// What was written, without the line end.
    pub text: &'a [u8],
}

impl<'a> Line<'a> {
    /// Appends the line and its end.
    pub fn format(&self, out: &mut Vec<u8>) {
        let run = self.run.map_or_else(|| "-".to_string(), |run| run.to_string());
        out.extend_from_slice(format!("{} {run} ", format_time(self.at)).as_bytes());
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }

    /// Reads a line, given without its end; `None` if it is not one.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let at = parse_time(line.get(..TIME_BYTES)?)?;
        let rest = line[TIME_BYTES..].strip_prefix(b" ")?;
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let run = std::str::from_utf8(&rest[..space]).ok()?;
        let run = if run == "-" { None } else { Some(run.parse().ok()?) };
        Some(Self { at, run, text: &rest[space + 1..] })
    }
}

/// RFC 3339 in UTC with six digits of the second, for the years 1970 to 9999.
pub fn format_time(micros: u64) -> String {
    let (seconds, days) = (micros / 1_000_000, micros / 86_400_000_000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", micros % 1_000_000)
}

/// The days since 1970 as year, month and day (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * day_of_year + 2) / 153;
    let month = if part < 10 { part + 3 } else { part - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day_of_year - (153 * part + 2) / 5 + 1)
}

fn parse_time(text: &[u8]) -> Option<u64> {
    let number = |from: usize, to: usize| std::str::from_utf8(&text[from..to]).ok()?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if text[TIME_BYTES - 1] != b'Z' || year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, part) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + (153 * part + 2) / 5 + day - 1;
    let days = year / 400 * 146_097 + day_of_era - 719_468;
    let seconds = ((days * 24 + number(11, 13)?) * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    Some(seconds * 1_000_000 + number(20, 26)?)
}

/// Cuts what a program writes into texts, with every secret replaced by `***`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Cutter {
    partial: Vec<u8>,
    secrets: Vec<String>,
    longest: usize,
}

impl Cutter {
    /// Of a program that must not show these values. A value of several lines is hidden line by line.
    pub fn new(secrets: &[String]) -> Self {
        let lines = secrets.iter().flat_map(|secret| secret.lines());
        let mut secrets: Vec<String> = lines.filter(|line| line.bytes().any(|b| b != b'*')).map(Into::into).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { partial: Vec::new(), longest: secrets.first().map_or(0, String::len), secrets }
    }

    /// Takes bytes; gives each text that is complete now.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n");
            self.partial.extend_from_slice(text.unwrap_or(piece));
            self.split(&mut each);
            if text.is_some() {
                self.mask();
                each(self.partial.strip_suffix(b"\r").unwrap_or(&self.partial));
                self.partial = Vec::new();
            }
        }
    }

    /// Gives the last text if it has no line end.
    pub fn finish(&mut self, each: impl FnOnce(&[u8])) {
        self.mask();
        if !self.partial.is_empty() {
            each(&self.partial);
            self.partial = Vec::new();
        }
    }

    /// Splits what is too long, but keeps back what may be the beginning of a secret.
    fn split(&mut self, each: &mut impl FnMut(&[u8])) {
        let enough = TEXT_BYTES_MAX + self.longest;
        while self.partial.len() > enough {
            self.mask();
            if self.partial.len() > enough {
                let is_char_start = |at: &usize| self.partial[*at] & 0xC0 != 0x80;
                let end = (TEXT_BYTES_MAX - 3..=TEXT_BYTES_MAX).rev().find(is_char_start).unwrap_or(TEXT_BYTES_MAX);
                each(&self.partial[..end]);
                self.partial.drain(..end);
            }
        }
    }

    fn mask(&mut self) {
        for secret in &self.secrets {
            replace(&mut self.partial, secret.as_bytes());
        }
    }
}

fn replace(text: &mut Vec<u8>, secret: &[u8]) {
    let mut from = 0;
    while let Some(found) = memchr::memmem::find(&text[from..], secret) {
        text.splice(from + found..from + found + secret.len(), *b"***");
        from += found + 3;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_a_round_trip() {
        for (line, at, run, text) in [
            ("1970-01-01T00:00:00.000000Z - built", 0, None, "built"),
            ("2026-11-22T18:48:01.123456Z 7 GET /users 200", 1_795_373_281_123_456, Some(7), "GET /users 200"),
            ("2000-02-29T23:59:59.999999Z 1 ", 951_868_799_999_999, Some(1), ""),
            (
                "9999-12-31T00:00:00.000001Z 18446744073709551615  two  spaces",
                253_402_214_400_000_001,
                Some(u64::MAX),
                " two  spaces",
            ),
        ] {
            let parsed = Line { at, run, text: text.as_bytes() };
            assert_eq!(Line::parse(line.as_bytes()), Some(parsed), "{line}");
            let mut out = Vec::new();
            parsed.format(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\n"));
        }
        for bad in [
            "",
            "text",
            "2026-11-22T18:48:01.123456Z",
            "2026-11-22T18:48:01.123456Z x y",
            "2026-13-22T18:48:01.123456Z 1 y",
        ] {
            assert_eq!(Line::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    fn cut(secrets: &[&str], pieces: &[&[u8]]) -> Vec<String> {
        let mut cutter = Cutter::new(&secrets.iter().map(|s| (*s).to_string()).collect::<Vec<_>>());
        let mut texts = Vec::new();
        for piece in pieces {
            cutter.push(piece, |text| texts.push(String::from_utf8(text.to_vec()).unwrap()));
        }
        cutter.finish(|text| texts.push(String::from_utf8(text.to_vec()).unwrap()));
        texts
    }

    #[test]
    fn output_becomes_texts() {
        assert_eq!(cut(&[], &[b"a\nb\r\n\nla", b"st"]), ["a", "b", "", "last"]);
        assert_eq!(cut(&[], &[b"", b"\n"]), [""]);
        let long = "\u{e9}".repeat(TEXT_BYTES_MAX);
        let texts = cut(&[], &[b"x", long.as_bytes(), b"\ny\n"]);
        assert_eq!((texts.concat(), texts.len()), (format!("x{long}y"), 4));
        assert!(texts.iter().all(|text| text.len() <= TEXT_BYTES_MAX + 4));
    }

    #[test]
    fn secrets_are_hidden() {
        assert_eq!(cut(&["hunter2"], &[b"pass hun", b"ter2, hunter2\nhunter", b"2"]), ["pass ***, ***", "***"]);
        assert_eq!(cut(&["ab", "abc"], &[b"abcab\n"]), ["******"]);
        assert_eq!(cut(&["one\ntwo\n", "", "**"], &[b"one\ntwo **\n"]), ["***", "*** **"]);
        for before in TEXT_BYTES_MAX - 9..TEXT_BYTES_MAX + 9 {
            let text = format!("{}hunter2{}", "x".repeat(before), "y".repeat(TEXT_BYTES_MAX));
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(4096).collect();
            assert!(cut(&["hunter2"], &pieces).concat().contains("x***y"), "{before}");
        }
    }
}
