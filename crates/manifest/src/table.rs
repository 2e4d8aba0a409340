//! Tables of the document, in the order of the text.

use toml::de::{DeTable, DeValue};

use crate::{keys::Keys, nearest::nearest, read::Cx, report::Span};

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub value: T,
    pub span: Span,
}

/// A table, with the name that a person would write in its header.
pub(crate) struct Table<'a> {
    pub name: String,
    pub span: Span,
    map: &'a DeTable<'a>,
}

/// One key of a table and its value.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    pub key: &'a str,
    pub key_span: Span,
    pub value: &'a DeValue<'a>,
    pub span: Span,
}

impl<'a> Table<'a> {
    pub(crate) fn new(name: String, span: Span, map: &'a DeTable<'a>) -> Self {
        Self { name, span, map }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Entry<'a>> {
        self.map.get_key_value(key).map(entry)
    }

    /// The entries in the order of the text.
    pub(crate) fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = self.map.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        entries
    }

    /// Reports every key that is not known here.
    pub(crate) fn check_keys(&self, cx: &mut Cx, keys: &Keys) {
        for entry in self.entries() {
            if let Some((_, why)) = keys.planned.iter().find(|(key, _)| *key == entry.key) {
                cx.planned(&entry.key_span, entry.key, why, "remove it for now");
            } else if keys.known().all(|key| key != entry.key) {
                self.unknown_key(cx, keys, &entry);
            }
        }
    }

    fn unknown_key(&self, cx: &mut Cx, keys: &Keys, entry: &Entry) {
        let place = if self.name.is_empty() { "at the top".into() } else { format!("in `[{}]`", self.name) };
        let planned = keys.planned.iter().map(|(key, _)| *key);
        let near = || nearest(entry.key, keys.known().chain(planned)).map(|key| format!("did you mean `{key}`?"));
        let home = || Keys::home_of(entry.key).map(|home| format!("`{}` belongs in {home}", entry.key));
        let all = || format!("the keys here are {}", keys.known().collect::<Vec<_>>().join(", "));
        let hint = keys.foreign(entry.key).map(str::to_owned).or_else(near).or_else(home).unwrap_or_else(all);
        cx.report.error(&entry.key_span, format!("unknown key `{}` {place}", entry.key)).hint(hint);
    }
}

fn entry<'a>((key, value): (&'a toml::Spanned<toml::de::DeString<'a>>, &'a toml::Spanned<DeValue<'a>>)) -> Entry<'a> {
    Entry { key: key.get_ref(), key_span: key.span(), value: value.get_ref(), span: value.span() }
}
