//! Names of header fields and cookies: tokens (RFC 9110, section 5.6.2).

use crate::{read::Cx, table::Entry};

impl<'a> Cx<'a> {
    /// The name of a field, in small letters.
    pub(crate) fn header(&mut self, entry: &Entry<'a>) -> Option<String> {
        self.token(entry, "\"x-user\"").map(str::to_ascii_lowercase)
    }

    /// The name of a cookie.
    pub(crate) fn cookie(&mut self, entry: &Entry<'a>) -> Option<String> {
        self.token(entry, "\"sid\"").map(str::to_owned)
    }

    fn token(&mut self, entry: &Entry<'a>, example: &str) -> Option<&'a str> {
        let text = self.text(entry, example)?.value;
        let good = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if !text.is_empty() && text.bytes().all(good) {
            return Some(text);
        }
        let finding = self.report.error(&entry.span, format!("`{text}` is not the name of a {}", entry.key));
        finding.hint(format!("write a name without spaces and separators, such as {example}"));
        None
    }
}
