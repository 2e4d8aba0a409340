//! How long a body is (RFC 9112 section 6.3).

use super::{
    error::HeadError,
    field::{Field, FieldKind},
    head::Version,
};

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until the connection is closed; only in responses.
    UntilClose,
}

impl Framing {
    /// Whether there is no byte of body.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// What the fields say about the body; `None` if they say nothing.
pub(crate) fn declared(head: &[u8], fields: &[Field], version: Version) -> Result<Option<Framing>, HeadError> {
    let mut length = None;
    let mut chunked = false;
    for field in fields {
        match field.kind {
            FieldKind::ContentLength if length.is_some() => {
                return Err(HeadError::malformed("there are several content-length fields"));
            }
            FieldKind::ContentLength => length = Some(content_length(field.value.of_head(head))?),
            FieldKind::TransferEncoding if chunked => {
                return Err(HeadError::malformed("there are several transfer-encoding fields"));
            }
            FieldKind::TransferEncoding => {
                transfer_encoding(field.value.of_head(head))?;
                chunked = true;
            }
            _ => {}
        }
    }
    match (length, chunked) {
        (Some(_), true) => Err(HeadError::malformed("content-length stands beside transfer-encoding")),
        (None, true) if version == Version::Http10 => {
            Err(HeadError::malformed("transfer-encoding does not exist in HTTP/1.0"))
        }
        (None, true) => Ok(Some(Framing::Chunked)),
        (Some(length), false) => Ok(Some(Framing::Length(length))),
        (None, false) => Ok(None),
    }
}

/// Digits, nothing else; no sign, no list, no overflow.
fn content_length(value: &[u8]) -> Result<u64, HeadError> {
    let digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    if !digits {
        return Err(HeadError::malformed("content-length is not one number"));
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// `chunked` alone. Other codings are real but not supported; anything else is malformed.
fn transfer_encoding(value: &[u8]) -> Result<(), HeadError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    const CODINGS: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];
    let first = value.split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    if CODINGS.iter().any(|coding| first.eq_ignore_ascii_case(coding)) {
        return Err(HeadError::not_implemented("the only transfer coding supported is chunked"));
    }
    Err(HeadError::malformed("transfer-encoding is not `chunked`"))
}
