//! Lines that are redrawn in place.

/// The lines that are on the screen, the cursor below them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    drawn: usize,
}

impl Block {
    /// What removes the lines (ECMA-48: CUU, ED).
    pub(crate) fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            drawn => format!("\x1b[{drawn}A\r\x1b[J"),
        }
    }

    /// What replaces the lines by these, without a moment in which they are gone (ECMA-48: CUU, EL, ED).
    pub(crate) fn redraw(&mut self, lines: &[String]) -> String {
        let mut text = if self.drawn > 0 { format!("\x1b[{}A\r", self.drawn) } else { String::new() };
        for line in lines {
            text.push_str(&format!("{line}\x1b[K\n"));
        }
        self.drawn = lines.len();
        text + "\x1b[J"
    }
}
