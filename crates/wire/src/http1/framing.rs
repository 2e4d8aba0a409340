//! How long a body is (RFC 9112 section 6.3).

use super::{
    bytes,
    error::HeadError,
    field::FieldKind,
    fields::{Fields, Several},
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
pub(crate) fn declared(head: &[u8], fields: &Fields, version: Version) -> Result<Option<Framing>, HeadError> {
    let several = |detail| move |_: Several| HeadError::malformed(detail);
    let length = fields.only(FieldKind::ContentLength).map_err(several("there are several content-length fields"))?;
    let coding = fields.only(FieldKind::TransferEncoding);
    let coding = coding.map_err(several("there are several transfer-encoding fields"))?;
    match (length, coding) {
        (None, None) => Ok(None),
        (Some(length), None) => content_length(length.value.of_head(head)).map(|length| Some(Framing::Length(length))),
        (Some(_), Some(_)) => Err(HeadError::malformed("content-length stands beside transfer-encoding")),
        (None, Some(coding)) => {
            transfer_encoding(coding.value.of_head(head))?;
            match version {
                Version::Http10 => Err(HeadError::malformed("transfer-encoding does not exist in HTTP/1.0")),
                Version::Http11 => Ok(Some(Framing::Chunked)),
            }
        }
    }
}

/// Digits, nothing else; no sign, no list, no overflow.
fn content_length(value: &[u8]) -> Result<u64, HeadError> {
    bytes::number(value).ok_or(HeadError::malformed("content-length is not one number"))
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
