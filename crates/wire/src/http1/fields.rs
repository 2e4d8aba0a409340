//! The field lines of a head, in one pass.

use super::{
    bytes::{self, TOKEN},
    error::HeadError,
    field::{Field, FieldKind},
    head::Span,
};

/// Field lines in order, and which kinds there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    list: Vec<Field>,
    kinds: u32,
    /// What [`FieldKind::Connection`] says.
    pub(crate) options: ConnectionOptions,
}

/// What `Connection` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// How many options `Connection` may list: each is held against all fields.
const OPTIONS_MAX: usize = 16;
/// How many names may have a `_`: each is held against all fields too.
const UNDERSCORED_MAX: usize = 16;

/// Several fields of a kind of which there may be one.
pub(crate) struct Several;

impl Fields {
    /// Reads the lines from `at` up to the empty one, `most` of them at the most; where the head ends, or `None` if it is not
    /// complete.
    pub(crate) fn read(&mut self, head: &[u8], mut at: usize, most: usize) -> Result<Option<usize>, HeadError> {
        self.list.clear();
        self.kinds = 0;
        self.options = ConnectionOptions::default();
        let mut has_underscore = false;
        loop {
            let rest = head.get(at..).unwrap_or_default();
            let (name, underscore) = bytes::token(rest);
            let text = match &rest[name..] {
                [] => return Ok(None),
                [b'\r'] if name == 0 => return Ok(None),
                [b'\r', b'\n', ..] if name == 0 => break,
                _ if self.list.len() == most => return Err(HeadError::too_large("too many fields")),
                [b':', text @ ..] if name > 0 => text,
                [b':', ..] => return Err(HeadError::malformed("a field has no name")),
                _ => {
                    let detail = "a field name is not a token, or a blank stands before the colon";
                    return Err(HeadError::malformed(detail));
                }
            };
            let length = bytes::text(text);
            match &text[length..] {
                [b'\r', b'\n', ..] => {}
                [] | [b'\r'] => return Ok(None),
                [b'\r', ..] => return Err(HeadError::malformed("a line does not end with CR LF")),
                _ => return Err(HeadError::malformed("a field value contains a control character")),
            }
            self.put(at, &rest[..name], &text[..length])?;
            has_underscore |= underscore;
            at += name + 1 + length + 2;
        }
        if has_underscore {
            self.refuse_look_alikes(head)?;
        }
        if self.has(FieldKind::Connection) {
            self.read_options(head)?;
        }
        Ok(Some(at + 2))
    }

    /// Takes the field whose name stands at `at`, with the text behind its colon.
    fn put(&mut self, at: usize, name: &[u8], text: &[u8]) -> Result<(), HeadError> {
        let kind = FieldKind::of(name);
        let rest = text.trim_ascii_start();
        let (before, length) = (text.len() - rest.len(), rest.trim_ascii_end().len());
        // Tabs are blanks (RFC 9110 section 5.6.3), but some servers take them for a part of the value.
        if kind.decides_where_to() && [&text[..before], &rest[length..]].iter().any(|blanks| blanks.contains(&b'\t')) {
            let detail = "a tab stands around the value of a field that frames or directs the message";
            return Err(HeadError::malformed(detail));
        }
        self.kinds |= kind.bit();
        let name_end = at + name.len();
        let start = name_end + 1 + before;
        self.list.push(Field { name: Span::new(at, name_end), value: Span::new(start, start + length), kind });
        Ok(())
    }

    pub(crate) fn has(&self, kind: FieldKind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// The fields of a kind, in order.
    pub(crate) fn of(&self, kind: FieldKind) -> impl Iterator<Item = &Field> {
        let list = if self.has(kind) { &self.list[..] } else { &[] };
        list.iter().filter(move |field| field.kind == kind)
    }

    /// The field of a kind, if there is one.
    pub(crate) fn only(&self, kind: FieldKind) -> Result<Option<&Field>, Several> {
        let mut fields = self.of(kind);
        match (fields.next(), fields.next()) {
            (found, None) => Ok(found),
            _ => Err(Several),
        }
    }

    /// The value of the first field of that name, given in lower case.
    pub(crate) fn value<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let named = |field: &&Field| field.name.of_head(head).eq_ignore_ascii_case(name.as_bytes());
        self.list.iter().find(named).map(|field| field.value.of_head(head))
    }

    pub(crate) fn as_slice(&self) -> &[Field] {
        &self.list
    }

    /// Refuses names that a program may read as another one, because it maps `-` and `_` to the same character (CGI, WSGI).
    fn refuse_look_alikes(&self, head: &[u8]) -> Result<(), HeadError> {
        let names = self.list.iter().map(|field| field.name.of_head(head));
        for (index, name) in names.filter(|name| name.contains(&b'_')).enumerate() {
            if index == UNDERSCORED_MAX {
                return Err(HeadError::too_large("too many field names with `_`"));
            }
            let twin: Vec<u8> = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
            let is_twin = |field: &Field| field.name.of_head(head).eq_ignore_ascii_case(&twin);
            if FieldKind::of(&twin) != FieldKind::Other || self.list.iter().any(is_twin) {
                return Err(HeadError::malformed("a field name with `_` imitates one with `-`"));
            }
        }
        Ok(())
    }

    /// Reads every `Connection` field; the fields that it lists end here.
    fn read_options(&mut self, head: &[u8]) -> Result<(), HeadError> {
        let mut options = 0;
        for index in 0..self.list.len() {
            if self.list[index].kind != FieldKind::Connection {
                continue;
            }
            let value = self.list[index].value.of_head(head);
            for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                options += 1;
                match token {
                    _ if options > OPTIONS_MAX => return Err(HeadError::too_large("too many connection options")),
                    b"" => {}
                    _ if token.eq_ignore_ascii_case(b"close") => self.options.close = true,
                    _ if token.eq_ignore_ascii_case(b"keep-alive") => self.options.keep_alive = true,
                    _ if token.eq_ignore_ascii_case(b"upgrade") => self.options.upgrade = true,
                    _ => self.end_here(head, token)?,
                }
            }
        }
        Ok(())
    }

    fn end_here(&mut self, head: &[u8], token: &[u8]) -> Result<(), HeadError> {
        if !token.iter().all(|byte| bytes::is(*byte, TOKEN)) {
            return Err(HeadError::malformed("a connection option is not a token"));
        }
        for field in &mut self.list {
            if field.kind == FieldKind::Other && field.name.of_head(head).eq_ignore_ascii_case(token) {
                field.kind = FieldKind::Hop;
                self.kinds |= FieldKind::Hop.bit();
            }
        }
        Ok(())
    }
}
