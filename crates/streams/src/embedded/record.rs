//! An entry as a record of a stream, whose sequence is its revision: key length u16, little-endian · key · value.

pub(super) fn encode(key: &str, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(key.len()).expect("a key has at most 256 bytes");
    [&length.to_le_bytes()[..], key.as_bytes(), value].concat()
}

/// Key and value.
pub(super) fn decode(mut bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let length = u16::from_le_bytes(*bytes.split_off(..2)?.first_chunk()?);
    let key = bytes.split_off(..usize::from(length))?.to_vec();
    Some((String::from_utf8(key).ok()?, bytes.to_vec()))
}
