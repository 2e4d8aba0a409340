//! Log lines: `users/1  | text`, a colour a service.

use model::{api::LogLine, status::SystemStatus};

use crate::{
    paint::{Paint, Style},
    text::{clean, moment},
};

/// Renders log lines with aligned prefixes.
#[derive(Debug)]
pub(crate) struct Lines {
    width: usize,
    timestamps: bool,
}

impl Lines {
    /// For the services of a system; with `timestamps`, each line begins with its time (RFC 3339, UTC).
    pub(crate) fn new(status: &SystemStatus, timestamps: bool) -> Self {
        let mut lines = Self { width: 0, timestamps };
        lines.widen(status);
        lines
    }

    /// Makes room for services that are not known yet.
    pub(crate) fn widen(&mut self, status: &SystemStatus) {
        let labels =
            status.services.iter().map(|service| format!("{}/{}", service.name, service.replicas.max(1)).len());
        self.width = labels.fold(self.width, usize::max);
    }

    /// The line, its line end included.
    pub(crate) fn render(&mut self, line: &LogLine, paint: Paint) -> String {
        let label = label(line);
        self.width = self.width.max(label.len());
        let time = if self.timestamps { format!("{} ", moment(line.at)) } else { String::new() };
        let prefix = paint.apply(style(line), &format!("{label:<width$}  |", width = self.width));
        format!("{time}{prefix} {}\n", clean(&line.text, paint.on))
    }
}

fn label(line: &LogLine) -> String {
    let beside = if line.migration { "migrate" } else { "build" };
    line.instance.as_ref().map_or_else(|| format!("{} {beside}", line.service), |instance| instance.slot.to_string())
}

/// Always the same for a service: from its name's FNV-1a hash.
fn style(line: &LogLine) -> Style {
    let hash = line
        .service
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    Style::Tag(hash.to_le_bytes()[3] % Style::TAGS)
}
