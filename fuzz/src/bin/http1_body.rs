//! Chunked bodies: wherever they are cut the data is the same, and it is what a plain reading of the grammar gives. The first
//! byte says where they are cut.

#![no_main]

use fuzz::{codec::encode, pieces};
use libfuzzer_sys::fuzz_target;
use wire::http1::{Body, Framing};

fuzz_target!(|input: &[u8]| {
    let Some((length, bytes)) = input.split_first() else { return };
    let whole = decode(&[bytes]);
    assert_eq!(whole, decode(&pieces(bytes, *length)));
    assert_eq!(whole, decode(&pieces(bytes, 1)));
    let Ok((data, consumed, done)) = whole else { return };
    assert!(consumed <= bytes.len() && (done || consumed == bytes.len()));
    if done {
        assert_eq!(Some((data.clone(), consumed)), plain(bytes));
        let again = encode(&pieces(&data, *length));
        assert_eq!(decode(&[&again]), Ok((data, again.len(), true)));
    }
});

/// The data, the bytes used up, and whether the body ended there.
fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), &'static str> {
    let (mut body, mut data, mut consumed) = (Body::new(Framing::Chunked), Vec::new(), 0);
    for piece in pieces {
        let mut piece = piece.to_vec();
        let compacted = body.compact(&mut piece).map_err(|error| error.detail)?;
        data.extend_from_slice(&piece[compacted.data]);
        consumed += compacted.consumed;
        if compacted.done {
            break;
        }
    }
    Ok((data, consumed, body.is_done()))
}

/// RFC 9112 section 7.1, line by line; of trailers only that they are lines.
fn plain(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let line = line(&bytes[at..])?;
        at += line.len() + 2;
        let digits = line.split(|byte| *byte == b';').next()?;
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        data.extend_from_slice(bytes.get(at..at.checked_add(size)?)?);
        at += size;
        at += bytes[at..].starts_with(b"\r\n").then_some(2)?;
    }
    loop {
        let line = line(&bytes[at..])?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some((data, at));
        }
    }
}

fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some(&bytes[..end])
}
