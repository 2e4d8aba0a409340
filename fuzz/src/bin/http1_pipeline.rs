//! Requests one behind the other: no byte of one is ever read as part of another, here or at the next hop. The first byte says
//! how they are cut.

#![no_main]

use fuzz::{
    codec::{End, read, send_on},
    pieces,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((length, bytes)) = input.split_first() else { return };
    let (requests, end) = read(&[bytes]);
    let (cut, cut_end) = read(&pieces(bytes, *length));
    assert_eq!(requests, cut);
    assert_eq!(kind(end), kind(cut_end));
    let mut rest = bytes;
    for request in &requests {
        let (own, behind) = rest.split_at(request.length);
        assert_eq!(read(&[own]).0, std::slice::from_ref(request));
        rest = behind;
    }
    let sent: Vec<u8> = requests.iter().flat_map(send_on).collect();
    let (again, again_end) = read(&[&sent]);
    assert_eq!(again_end, End::Clean);
    assert_eq!(again.len(), requests.len());
    for (before, after) in requests.iter().zip(&again) {
        let meaning = |request: &fuzz::codec::Request| {
            let request = request.clone();
            (request.method, request.path, request.host, request.framing, request.body, request.fields)
        };
        assert_eq!(meaning(before), meaning(after));
    }
});

/// A cut may change which of two faults is found first, never that there is one.
fn kind(end: End) -> u8 {
    match end {
        End::Clean => 0,
        End::Truncated => 1,
        End::Closed => 2,
        End::Refused(_) => 3,
    }
}
