//! Heads of responses, as those of requests. The first byte says whether a HEAD request is answered.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::http1::{FieldKind, Framing, HeadLimits, ResponseHead, write_response};

fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let to_head = first & 1 == 1;
    let mut head = ResponseHead::default();
    let parsed = head.parse(bytes, to_head, &HeadLimits::default());
    assert_eq!(byte_by_byte(bytes, to_head), parsed.map(|whole| whole.then(|| head.length())).map_err(|_| ()));
    if parsed == Ok(true) {
        sent_on(bytes, to_head, &head);
    }
});

fn byte_by_byte(bytes: &[u8], to_head: bool) -> Result<Option<usize>, ()> {
    let mut head = ResponseHead::default();
    for end in 1..=bytes.len() {
        if head.parse(&bytes[..end], to_head, &HeadLimits::default()).map_err(|_| ())? {
            assert_eq!(head.length(), end);
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// What has no end of its own goes on in chunks, as to a client of HTTP/1.1.
fn sent_on(bytes: &[u8], to_head: bool, head: &ResponseHead) {
    let framing = if head.framing() == Framing::UntilClose { Framing::Chunked } else { head.framing() };
    let connection = (head.status() == 101).then_some("upgrade");
    let mut sent = Vec::new();
    write_response(bytes, head, framing, connection, &mut sent);
    let mut again = ResponseHead::default();
    let limits = HeadLimits { head_bytes_max: 1 << 20, ..HeadLimits::default() };
    match again.parse(&sent, to_head, &limits) {
        Ok(whole) => assert!(whole),
        // One field more than there may be.
        Err(_) => return assert!(head.fields().len() + 2 > HeadLimits::FIELDS_MAX),
    }
    assert_eq!(again.length(), sent.len());
    assert_eq!((again.status(), again.framing()), (head.status(), framing));
    assert!(again.keep_alive());
    assert_eq!(fields(bytes, head), fields(&sent, &again));
}

fn fields<'a>(bytes: &'a [u8], head: &ResponseHead) -> Vec<(&'a [u8], &'a [u8])> {
    let fields = head.fields().iter().filter(|field| field.kind == FieldKind::Other);
    fields.map(|field| (field.name.of_head(bytes), field.value.of_head(bytes))).collect()
}
