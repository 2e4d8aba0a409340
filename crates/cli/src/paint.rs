//! Colours by meaning.

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether it is.
    pub on: bool,
}

/// What a text means, shown by a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Nothing special.
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Bold,
    /// As it should be.
    Good,
    /// On its way.
    Busy,
    /// Not as it should be, but at work.
    Worrying,
    /// Failed.
    Bad,
    /// One of [`Style::TAGS`] colours that only tell things apart.
    Tag(u8),
}

impl Style {
    /// How many colours tell things apart.
    pub const TAGS: u8 = 6;

    /// The parameter of the escape sequence (ECMA-48, SGR).
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Good => "32",
            Self::Busy => "36",
            Self::Worrying => "33",
            Self::Bad => "31",
            Self::Tag(tag) => ["36", "33", "32", "35", "34", "96"][usize::from(tag % Self::TAGS)],
        }
    }
}

impl Paint {
    /// The text in the colour of its style.
    pub fn apply(self, style: Style, text: &str) -> String {
        if self.on && style != Style::Plain && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", style.code())
        } else {
            text.into()
        }
    }
}
