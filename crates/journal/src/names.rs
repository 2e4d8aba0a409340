//! The names of the journal's files.

/// No journal ever counts so far, so that adding to a number read from a file cannot overflow.
pub(crate) const COUNT_MAX: u64 = 1 << 62;

pub(crate) const CATALOGUE: &str = "catalogue";

pub(crate) fn log(number: u64) -> String {
    format!("log-{number:016x}")
}

pub(crate) fn segment(number: u64) -> String {
    format!("segment-{number:016x}")
}

pub(crate) fn reserve(step: u64) -> String {
    format!("reserve-{step:016x}")
}

/// The number of a file, if its name begins so.
pub(crate) fn numbered(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_prefix('-')?;
    let number = (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())??;
    (number < COUNT_MAX).then_some(number)
}

/// Whether a crash left it before it was whole.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let Some(whole) = name.strip_suffix(".new") else { return false };
    whole == CATALOGUE || ["log", "segment", "reserve"].iter().any(|prefix| numbered(whole, prefix).is_some())
}
