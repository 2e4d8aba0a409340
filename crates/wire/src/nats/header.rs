//! Header blocks: `NATS/1.0[ code[ description]]`, then fields, then an empty line.

use super::ParseError;

const VERSION: &[u8] = b"NATS/1.0";
const END: &[u8] = b"\r\n\r\n";

/// Whether the bytes begin and end as a header block does; its fields are not looked at.
pub fn is_header_block(block: &[u8]) -> bool {
    block.len() >= VERSION.len() + END.len()
        && block.starts_with(VERSION)
        && matches!(block[VERSION.len()], b' ' | b'\r')
        && block.ends_with(END)
}

/// A header block that has been read: its parts are slices of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderBlock<'a> {
    status: Option<(u16, &'a str)>,
    fields: &'a str,
}

impl<'a> HeaderBlock<'a> {
    /// Reads a whole block. The case of names is kept.
    ///
    /// # Errors
    /// When it is not one, is not UTF-8, or a line is no `name: value`.
    pub fn parse(block: &'a [u8]) -> Result<Self, ParseError> {
        if !is_header_block(block) {
            return Err(ParseError::Malformed("no header block"));
        }
        let text = std::str::from_utf8(block).map_err(|_| ParseError::Malformed("the header block is not UTF-8"))?;
        let lines = &text[VERSION.len()..text.len() - 2];
        let (status, fields) = lines.split_once("\r\n").ok_or(ParseError::Malformed("no status line"))?;
        let read = Self { status: read_status(status)?, fields };
        let wrong = fields.split_terminator("\r\n").any(|line| split(line).is_none());
        if wrong { Err(ParseError::Malformed("a header field is no `name: value`")) } else { Ok(read) }
    }

    /// The status code and its description, if there is one.
    pub fn status(&self) -> Option<(u16, &'a str)> {
        self.status
    }

    /// The fields in their order: name as it was sent, value without blanks around it.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.fields.split_terminator("\r\n").filter_map(split)
    }

    /// The first value of a name, in any case.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

fn read_status(text: &str) -> Result<Option<(u16, &str)>, ParseError> {
    let text = text.trim_matches(' ');
    if text.is_empty() {
        return Ok(None);
    }
    let (code, description) = text.split_once(' ').unwrap_or((text, ""));
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    let code = code.parse().ok().filter(|_| is_code).ok_or(ParseError::Malformed("a status code is three digits"))?;
    Ok(Some((code, description.trim_matches(' '))))
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let is_value = !value.bytes().any(|byte| matches!(byte, b'\r' | b'\n'));
    (is_name && is_value).then(|| (name, value.trim_matches([' ', '\t'])))
}

/// Begins a header block, with a status if there is one. [`write_field`] and [`write_headers_end`] go on.
pub fn write_status(status: Option<(u16, &str)>, out: &mut Vec<u8>) {
    out.extend_from_slice(VERSION);
    if let Some((code, description)) = status {
        out.push(b' ');
        super::write::write_number(u64::from(code), out);
        if !description.is_empty() {
            out.push(b' ');
            out.extend_from_slice(description.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes one field. Name and value must be without CR and LF, the name without `:`.
pub fn write_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Ends a header block.
pub fn write_headers_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}
