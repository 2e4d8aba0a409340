//! Collects problems while the manifest is read, and puts them in order.

use std::ops::Range;

use crate::{Diagnostic, Label, Severity};

pub(crate) type Span = Range<usize>;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Finding>);

/// One problem, without its line and column.
#[derive(Debug)]
pub(crate) struct Finding {
    severity: Severity,
    message: String,
    hint: String,
    span: Span,
    labels: Vec<Label>,
    absence: bool,
}

impl Report {
    pub(crate) fn error(&mut self, span: &Span, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Error, span, message.into())
    }

    pub(crate) fn warning(&mut self, span: &Span, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Warning, span, message.into())
    }

    fn add(&mut self, severity: Severity, span: &Span, message: String) -> &mut Finding {
        let (hint, labels) = (String::new(), Vec::new());
        self.0.push(Finding { severity, message, hint, span: span.clone(), labels, absence: false });
        self.0.last_mut().expect("one was just pushed")
    }
}

impl Finding {
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = hint.into();
        self
    }

    pub(crate) fn label(&mut self, span: &Span, text: impl Into<String>) -> &mut Self {
        self.labels.push(Label { span: span.clone(), text: text.into() });
        self
    }

    /// The problem is that something is not in the file, which cannot be known while its syntax is broken.
    pub(crate) fn absence(&mut self) -> &mut Self {
        self.absence = true;
        self
    }
}

/// All problems in the order of the text. What only follows from a syntax error is left out.
pub(crate) fn finish(text: &str, syntax: Report, meaning: Report) -> Vec<Diagnostic> {
    let lines = Lines::new(text);
    let broken: Vec<usize> = syntax.0.iter().map(|finding| lines.of(finding.span.start)).collect();
    let follows = |finding: &Finding| {
        let touches = |line: &usize| (lines.of(finding.span.start)..=lines.of(finding.span.end)).contains(line);
        !broken.is_empty() && (finding.absence || broken.iter().any(touches))
    };
    let meaning = meaning.0.into_iter().filter(|finding| !follows(finding));
    let mut all: Vec<_> = syntax.0.into_iter().chain(meaning).collect();
    all.sort_by_key(|finding| (finding.span.start, finding.severity));
    all.into_iter().map(|finding| finding.into_diagnostic(&lines)).collect()
}

impl Finding {
    fn into_diagnostic(self, lines: &Lines) -> Diagnostic {
        let Self { severity, message, hint, span, labels, .. } = self;
        let (line, column) = lines.position(span.start);
        Diagnostic { severity, message, hint, span, line, column, labels }
    }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The index of the line that holds the byte.
    fn of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.of(byte);
        let end = self.text.floor_char_boundary(byte);
        (line + 1, self.text[self.starts[line]..end].chars().count() + 1)
    }
}
