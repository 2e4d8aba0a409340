//! Text in an SVG: how wide it will be, how it is shortened and escaped.

/// The estimated width of `text` in a proportional sans-serif font, in pixels: rather too much than too little.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| em(c) * size).sum()
}

/// The advance of a character in a bold sans-serif font, as part of the font's size.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' => 0.34,
        'f' | 'r' | 't' | '-' | '/' | ' ' | '(' | ')' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.76,
        c if c.is_ascii() => 0.62,
        _ => 1.1,
    }
}

/// The text, cut at the end with an ellipsis if it is wider than `limit` pixels.
pub(crate) fn fit(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.into();
    }
    let mut room = limit - em('…') * size;
    let kept = text.chars().take_while(|c| {
        room -= em(*c) * size;
        room >= 0.0
    });
    kept.chain(['…']).collect()
}

/// The text as XML character data or attribute value; what XML 1.0 cannot hold becomes U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
