//! Fills in a value whose key is there, and compares values with each other.

use std::{ops::RangeInclusive, time::Duration};

use model::{ByteSize, format_duration};

use crate::{
    nearest::nearest,
    read::Cx,
    table::{At, Entry, Table},
};

impl<'a> Cx<'a> {
    /// A duration above 0.
    pub(crate) fn fill_duration(&mut self, table: &Table<'a>, key: &str, value: &mut Duration) {
        let read = table.get(key).and_then(|entry| self.duration_above_zero(&entry, *value));
        *value = read.unwrap_or(*value);
    }

    pub(crate) fn fill_integer(&mut self, table: &Table<'a>, key: &str, range: RangeInclusive<u32>, value: &mut u32) {
        *value = table.get(key).and_then(|entry| self.integer(&entry, range)).unwrap_or(*value);
    }

    pub(crate) fn fill_boolean(&mut self, table: &Table<'a>, key: &str, value: &mut bool) {
        *value = table.get(key).and_then(|entry| self.boolean(&entry)).unwrap_or(*value);
    }

    pub(crate) fn fill_size(&mut self, table: &Table<'a>, key: &str, range: RangeInclusive<u64>, value: &mut ByteSize) {
        *value = table.get(key).and_then(|entry| self.size_within(&entry, range)).unwrap_or(*value);
    }

    /// A size within bytes.
    pub(crate) fn size_within(&mut self, entry: &Entry<'a>, range: RangeInclusive<u64>) -> Option<ByteSize> {
        let size = self.size(entry)?;
        if range.contains(&size.0) {
            return Some(size);
        }
        let hint = format!("write a size from {} to {}", exact(*range.start()), exact(*range.end()));
        self.report.error(&entry.span, format!("`{}` is out of range", entry.key)).hint(hint);
        None
    }

    /// What the word stands for; `what` it names.
    pub(crate) fn choice<T: Copy>(&mut self, word: &At<&str>, what: &str, choices: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word.value) {
            return Some(*value);
        }
        let hint = match nearest(word.value, choices.iter().map(|(name, _)| *name)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write {}", one_of(choices)),
        };
        self.report.error(&word.span, format!("there is no {what} `{}`", word.value)).hint(hint);
        None
    }

    /// Reports two durations of a table of which the first is longer than the second.
    pub(crate) fn not_longer(&mut self, table: &Table<'a>, first: (&str, Duration), second: (&str, Duration)) {
        let show = format_duration;
        if first.1 > second.1 {
            self.too_much(table, (first.0, show(first.1)), (second.0, show(second.1)));
        }
    }

    /// Reports two durations of a table of which the first is not shorter than the second.
    pub(crate) fn shorter(&mut self, table: &Table<'a>, first: (&str, Duration), second: (&str, Duration)) {
        if first.1 < second.1 {
            return;
        }
        let ((first, less), (second, more)) = (first, second);
        let (less, more) = (format_duration(less), format_duration(more));
        let message = format!("`{first}` must be shorter than `{second}`: {less} and {more}");
        self.conflict(table, [first, second], message, format!("make `{first}` shorter, or `{second}` longer"));
    }

    /// Reports that the first value of a table is more than the second, where at least one of them is written.
    pub(crate) fn too_much(&mut self, table: &Table<'a>, first: (&str, String), second: (&str, String)) {
        let ((first, less), (second, more)) = (first, second);
        let message = format!("`{first}` is more than `{second}`: {less} and {more}");
        self.conflict(table, [first, second], message, format!("make `{first}` at most `{second}`"));
    }

    /// Reports that the values of two keys do not go together, where at least one of them is written.
    pub(crate) fn conflict(&mut self, table: &Table<'a>, keys: [&str; 2], message: String, hint: String) {
        let mut written = keys.into_iter().filter_map(|key| table.get(key));
        let Some(entry) = written.next() else { return };
        let finding = self.report.error(&entry.span, message).hint(hint);
        if let Some(other) = written.next() {
            finding.label(&other.span, format!("`{}`", other.key));
        }
    }
}

/// The size in the largest unit that loses nothing.
pub(crate) fn exact(bytes: u64) -> String {
    let size = ByteSize(bytes).to_string();
    if size.parse() == Ok(ByteSize(bytes)) { size } else { format!("{bytes}B") }
}

fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<_> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
