//! How a message lies in the journal.

use logic::stream::{Expires, Head};
use model::Timestamp;

const VERSION: u8 = 1;

/// A message as it is stored: version u8 · marker u8 · time u64 · kind of expiry u8 · expiry u64 · length of the subject u32 ·
/// subject · length of the headers u32 · headers · payload. Numbers are little-endian, times microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) marker: bool,
    pub(super) at: Timestamp,
    pub(super) expires: Expires,
    pub(super) subject: &'a str,
    pub(super) headers: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, expiry) = match self.expires {
            Expires::ByAge => (0, 0),
            Expires::At(at) => (1, at.0),
            Expires::Never => (2, 0),
        };
        let mut bytes = vec![VERSION, u8::from(self.marker)];
        bytes.extend_from_slice(&self.at.0.to_le_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&expiry.to_le_bytes());
        put(self.subject.as_bytes(), &mut bytes);
        put(self.headers, &mut bytes);
        bytes.extend_from_slice(self.payload);
        bytes
    }

    /// `None` if the bytes are no record that this version knows.
    pub(super) fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        if *bytes.split_off_first()? != VERSION {
            return None;
        }
        let marker = *bytes.split_off_first()? == 1;
        let at = Timestamp(take_long(&mut bytes)?);
        let kind = *bytes.split_off_first()?;
        let expiry = take_long(&mut bytes)?;
        let expires = match kind {
            0 => Expires::ByAge,
            1 => Expires::At(Timestamp(expiry)),
            2 => Expires::Never,
            _ => return None,
        };
        let subject = str::from_utf8(take(&mut bytes)?).ok()?;
        let headers = take(&mut bytes)?;
        Some(Self { marker, at, expires, subject, headers, payload: bytes })
    }

    /// What the machine knows of it. A marker counts for its subject alone.
    pub(super) fn head(&self, seq: u64) -> Head {
        let content = if self.marker { 0 } else { self.headers.len() + self.payload.len() };
        let bytes = (self.subject.len() + content) as u64;
        let Self { at, expires, marker, .. } = *self;
        Head { seq, subject: self.subject.into(), bytes, at, expires, marker }
    }
}

fn put(part: &[u8], bytes: &mut Vec<u8>) {
    let length = u32::try_from(part.len()).expect("a message is smaller than 4 GiB");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(part);
}

fn take_long(bytes: &mut &[u8]) -> Option<u64> {
    bytes.split_off(..8)?.try_into().ok().map(u64::from_le_bytes)
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(bytes.split_off(..4)?.try_into().ok()?);
    bytes.split_off(..length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for (marker, expires, headers) in [
            (false, Expires::ByAge, &b""[..]),
            (true, Expires::At(Timestamp(7)), b"NATS/1.0\r\n\r\n"),
            (false, Expires::Never, b"x"),
        ] {
            let record = Record { marker, at: Timestamp(5), expires, subject: "a.b", headers, payload: b"hi" };
            let bytes = record.encode();
            assert_eq!(Record::decode(&bytes), Some(record));
            assert!((0..bytes.len() - 2).all(|cut| Record::decode(&bytes[..cut]).is_none()));
        }
        assert_eq!(Record::decode(&[2; 40]), None, "a newer version is not read");
    }
}
