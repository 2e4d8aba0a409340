//! TOML, with every syntax error instead of the first.

use toml::de::{DeTable, DeValue};

use crate::report::{Report, Span};

/// What could be understood of the text, and what could not: at most one error a line.
pub(crate) fn parse(text: &str) -> (DeTable<'_>, Report) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let document = document.into_inner();
    let mut errors: Vec<_> = errors.iter().map(|e| (clamp(text, e.span().unwrap_or(0..0)), e.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    errors.dedup_by(|(later, _), (first, _)| !text[first.start..later.start.max(first.start)].contains('\n'));
    let mut report = Report::default();
    for (span, message) in errors {
        if message == "duplicate key" {
            twice(&mut report, text, &document, &span);
        } else if let Some((key, value)) = unquoted(text, &span) {
            let hint = format!("write `{key} = \"{}\"`", &text[value.clone()]);
            report.error(&value, "text must be in quotes").hint(hint);
        } else {
            report.error(&span, explain(message)).hint("see https://toml.io for how TOML is written");
        }
    }
    (document, report)
}

fn clamp(text: &str, span: Span) -> Span {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end).max(start)
}

fn explain(message: &str) -> &str {
    if message.starts_with("invalid") && message.contains("string, expected") && message.contains(['"', '\'']) {
        return "the string has no closing quote";
    }
    message
}

/// Key and value of a line such as `run = ./users` or `timeout = 5s`, if the error is in it.
fn unquoted<'a>(text: &'a str, error: &Span) -> Option<(&'a str, Span)> {
    let start = text[..error.start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next()?;
    let (key, rest) = line.split_once('=')?;
    let rest = rest.split('#').next()?;
    let value = rest.trim();
    let plain = !value.is_empty() && !value.contains(['"', '\'', '\\', '=', '\r']) && !value.starts_with(['[', '{']);
    let from = start + key.len() + 1 + (rest.len() - rest.trim_start().len());
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_key = key.trim().bytes().all(bare) && !key.trim().is_empty();
    (plain && is_key && error.start >= from).then(|| (key.trim(), from..from + value.len()))
}

fn twice(report: &mut Report, text: &str, document: &DeTable<'_>, span: &Span) {
    let name = text[span.clone()].trim_matches(['"', '\'']);
    let mut first = Vec::new();
    places(document, name, &mut first);
    first.retain(|place| place.end <= span.start);
    let finding = report.error(span, format!("`{name}` is given twice"));
    finding.hint("remove one of them, or write both as one");
    if let [first] = first.as_slice() {
        finding.label(first, "the first one");
    }
}

fn places(table: &DeTable<'_>, name: &str, found: &mut Vec<Span>) {
    for (key, value) in table {
        if key.get_ref() == name {
            found.push(key.span());
        }
        if let DeValue::Table(inner) = value.get_ref() {
            places(inner, name, found);
        }
    }
}
