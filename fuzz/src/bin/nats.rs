//! Operations of NATS clients and servers. The first byte says whose they are, the second how the bytes are cut.

#![no_main]

use fuzz::pieces;
use libfuzzer_sys::fuzz_target;
use wire::nats::{
    ClientOp, HeaderBlock, Limits, ParseError, Parsed, ServerOp, parse_client, parse_server, write_message,
};

const LIMITS: Limits = Limits { line_bytes_max: 64, payload_bytes_max: 128 };

fuzz_target!(|input: &[u8]| {
    let [whose, length, bytes @ ..] = input else { return };
    let read = if whose & 1 == 0 { of_client } else { of_server };
    let whole = read_all(&[bytes], read);
    assert_eq!(read_all(&pieces(bytes, *length), read), whole);
    let _ = HeaderBlock::parse(bytes);
});

type Read = fn(&[u8]) -> Result<Parsed<String>, ParseError>;

/// All operations, and the refusal that ends them.
fn read_all(pieces: &[&[u8]], read: Read) -> Vec<String> {
    let (mut input, mut said) = (Vec::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match read(&input) {
                Ok(Parsed::Whole { op, length }) => {
                    said.push(op);
                    input.drain(..length);
                }
                Ok(Parsed::Partial { needed }) => {
                    assert!(needed > input.len());
                    break;
                }
                Err(error) => {
                    said.push(error.to_string());
                    return said;
                }
            }
        }
    }
    said
}

/// A message that a client publishes reaches another as it is.
fn of_client(input: &[u8]) -> Result<Parsed<String>, ParseError> {
    let parsed = parse_client(input, &LIMITS)?;
    if let Parsed::Whole { op: ClientOp::Publish(message), .. } = parsed {
        let mut sent = Vec::new();
        write_message(message.subject, b"1", message.reply, message.headers, message.payload, &mut sent);
        let limits = Limits { line_bytes_max: 80, ..LIMITS };
        let Ok(Parsed::Whole { op: ServerOp::Message(got), length }) = parse_server(&sent, &limits) else {
            panic!("{sent:?}")
        };
        assert_eq!(length, sent.len());
        assert_eq!((got.subject, got.reply), (message.subject, message.reply));
        assert_eq!((got.headers, got.payload), (message.headers, message.payload));
    }
    Ok(shown(parsed))
}

fn of_server(input: &[u8]) -> Result<Parsed<String>, ParseError> {
    parse_server(input, &LIMITS).map(shown)
}

fn shown<T: std::fmt::Debug>(parsed: Parsed<T>) -> Parsed<String> {
    match parsed {
        Parsed::Whole { op, length } => Parsed::Whole { op: format!("{op:?}"), length },
        Parsed::Partial { needed } => Parsed::Partial { needed },
    }
}
