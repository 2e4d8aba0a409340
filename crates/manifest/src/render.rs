//! Diagnostics as text, in the style of rustc.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

use crate::{Diagnostic, Severity, report::Span};

/// Every diagnostic as a paragraph: the message, the place, the line with a caret under it, and the hint.
///
/// `file_name` is only shown. With `color`, the text has ANSI escapes.
pub fn render(file_name: &str, text: &str, diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut all = String::new();
    for diagnostic in diagnostics {
        all.push_str(&renderer.render(&[group(file_name, text, diagnostic)]));
        all.push_str("\n\n");
    }
    all
}

fn group<'a>(file_name: &'a str, text: &'a str, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let group = level.primary_title(diagnostic.message.as_str()).element(snippet(file_name, text, diagnostic));
    if diagnostic.hint.is_empty() {
        return group;
    }
    group.element(Level::HELP.with_name("hint").message(normalize_untrusted_str(&diagnostic.hint)))
}

/// Only the lines from the first to the last place, so that the work does not grow with the rest of the file.
fn snippet<'a>(file_name: &'a str, text: &'a str, diagnostic: &'a Diagnostic) -> Snippet<'a, Annotation<'a>> {
    let places = || std::iter::once(&diagnostic.span).chain(diagnostic.labels.iter().map(|label| &label.span));
    let first = places().map(|span| span.start).min().unwrap_or(0).min(text.len());
    let last = places().map(|span| span.end).max().unwrap_or(0).min(text.len());
    let start = text.as_bytes()[..first].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let end = text.as_bytes()[last..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| last + at);
    let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;

    let shifted = |span: &Span| span.start - start..span.end.max(span.start) - start;
    let labels = diagnostic.labels.iter();
    Snippet::source(&text[start..end])
        .line_start(line)
        .path(file_name)
        .annotation(AnnotationKind::Primary.span(shifted(&diagnostic.span)))
        .annotations(labels.map(|label| AnnotationKind::Context.span(shifted(&label.span)).label(label.text.as_str())))
}
