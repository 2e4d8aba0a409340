//! What operations say, what is refused, and what holds for every input.

use proptest::prelude::*;

use super::*;
use crate::pieces::split;

const SMALL: Limits = Limits { line_bytes_max: 40, payload_bytes_max: 30 };

/// An operation and how much it took, or why there is none.
fn client(input: &str) -> Result<Option<(ClientOp<'_>, usize)>, ParseError> {
    parse_client(input.as_bytes(), &SMALL).map(|parsed| match parsed {
        Parsed::Whole { op, length } => Some((op, length)),
        Parsed::Partial { .. } => None,
    })
}

fn publish<'a>(subject: &'a str, reply: Option<&'a str>, headers: &'a str, payload: &'a str) -> ClientOp<'a> {
    let reply = reply.map(str::as_bytes);
    let (subject, headers, payload) = (subject.as_bytes(), headers.as_bytes(), payload.as_bytes());
    ClientOp::Publish(Publish { subject, reply, headers, payload })
}

fn subscribe<'a>(subject: &'a str, queue: Option<&'a str>, sid: &'a str) -> ClientOp<'a> {
    let queue = queue.map(str::as_bytes);
    ClientOp::Subscribe(Subscribe { subject: subject.as_bytes(), queue, sid: sid.as_bytes() })
}

#[test]
fn what_a_client_says() {
    for (input, op) in [
        ("PING\r\n", ClientOp::Ping),
        ("pInG\n", ClientOp::Ping),
        ("PONG \r\n", ClientOp::Pong),
        ("CONNECT {}\r\n", ClientOp::Connect(b"{}")),
        ("connect  {\"a\": 1} \r\n", ClientOp::Connect(b"{\"a\": 1}")),
        ("PUB a 2\r\nhi\r\n", publish("a", None, "", "hi")),
        ("pub a.b r 0\r\n\r\n", publish("a.b", Some("r"), "", "")),
        ("PUB\ta \t 2 \r\n\r\n\r\n", publish("a", None, "", "\r\n")),
        ("PUB é 000000001\nx\r\n", publish("é", None, "", "x")),
        ("HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", publish("a", None, "NATS/1.0\r\n\r\n", "hi")),
        ("HPUB a 0 2\r\nhi\r\n", publish("a", None, "", "hi")),
        ("HPUB a r 18 18\r\nNATS/1.0\r\nA: b\r\n\r\n\r\n", publish("a", Some("r"), "NATS/1.0\r\nA: b\r\n\r\n", "")),
        ("SUB a.* 1\r\n", subscribe("a.*", None, "1")),
        ("sub > q x\r\n", subscribe(">", Some("q"), "x")),
        ("UNSUB 1\r\n", ClientOp::Unsubscribe { sid: b"1", max: None }),
        ("UNSUB 1 0\r\n", ClientOp::Unsubscribe { sid: b"1", max: None }),
        ("UNSUB 1 5\r\n", ClientOp::Unsubscribe { sid: b"1", max: Some(5) }),
    ] {
        assert_eq!(client(input), Ok(Some((op, input.len()))), "{input:?}");
        assert_eq!(client(&format!("{input}PI")), Ok(Some((op, input.len()))), "{input:?} and more");
        (0..input.len()).for_each(|end| {
            if input.is_char_boundary(end) {
                assert_eq!(client(&input[..end]), Ok(None), "{:?}", &input[..end]);
            }
        });
    }
}

#[test]
fn what_is_refused() {
    use ParseError::{LineTooLong, Malformed, PayloadTooLarge, UnknownOperation};
    let long = "a".repeat(41);
    for (input, expected) in [
        ("FOO\r\n", UnknownOperation),
        ("\r\n", UnknownOperation),
        (" PING\r\n", UnknownOperation),
        ("PINGS\r\n", UnknownOperation),
        ("+OK\r\n", UnknownOperation),
        ("MSG a 1 0\r\n\r\n", UnknownOperation),
        (&format!("{long}\r\n"), UnknownOperation),
        ("PUB a 2\r\nhiXX", UnknownOperation),
        ("PUB a 2\r\nhi\n\n", UnknownOperation),
        (&format!("PUB {long} 1"), LineTooLong),
        (&format!("PUB {long} 1\r\nx\r\n"), LineTooLong),
        ("PUB a 31\r\n", PayloadTooLarge),
        ("HPUB a 12 999999999\r\n", PayloadTooLarge),
        ("PING x\r\n", Malformed("this verb stands alone")),
        ("CONNECT\r\n", Malformed("CONNECT takes a JSON object")),
        ("PUB a\r\n", Malformed("PUB takes a subject, perhaps a reply subject, and a size")),
        ("PUB a b c 1\r\nx\r\n", Malformed("PUB takes a subject, perhaps a reply subject, and a size")),
        ("PUB a b c d 1\r\nx\r\n", Malformed("too many arguments")),
        ("PUB a -1\r\n", Malformed("a size is 1 to 9 decimal digits")),
        ("PUB a 0000000001\r\nx\r\n", Malformed("a size is 1 to 9 decimal digits")),
        ("PUB a\rb 0\r\n\r\n", Malformed("a control character in the control line")),
        ("PUB a\0 0\r\n\r\n", Malformed("a control character in the control line")),
        ("HPUB a 2\r\n", Malformed("HPUB takes a subject, perhaps a reply subject, and two sizes")),
        ("HPUB a 14 12\r\n", Malformed("the header block is larger than the whole")),
        ("HPUB a 2 2\r\nhi\r\n", Malformed("the header block does not begin with NATS/1.0 or is not whole")),
        ("SUB a\r\n", Malformed("SUB takes a subject, perhaps a queue group, and an id")),
        ("SUB a b c d\r\n", Malformed("too many arguments")),
        ("UNSUB\r\n", Malformed("UNSUB takes an id and perhaps a number of messages")),
        ("UNSUB 1 x\r\n", Malformed("a size is 1 to 9 decimal digits")),
    ] {
        assert_eq!(client(input), Err(expected), "{input:?}");
    }
    let not_utf8 = parse_client(b"SUB \xC3( 1\r\n", &SMALL);
    assert_eq!(not_utf8, Err(Malformed("the control line is not UTF-8")));
}

#[test]
fn a_partial_message_says_how_much_it_needs() {
    for (input, needed) in [("PU", 3), ("PUB a 2\r", 9), ("PUB a 2\r\n", 13), ("PUB a 2\r\nhi\r", 13)] {
        assert_eq!(parse_client(input.as_bytes(), &SMALL), Ok(Parsed::Partial { needed }), "{input:?}");
    }
}

#[test]
fn what_a_server_says() {
    let message = |reply: Option<&'static [u8]>, headers: &'static [u8], payload: &'static [u8]| {
        ServerOp::Message(Delivery { subject: b"a", sid: b"1", reply, headers, payload })
    };
    let (headers, long): (&[u8], _) = (b"NATS/1.0 503\r\n\r\n", format!("INFO {{{}}}\r\n", " ".repeat(20)));
    for (input, op) in [
        ("INFO {}\r\n", ServerOp::Info(b"{}")),
        (&long, ServerOp::Info(&long.as_bytes()[5..long.len() - 2])),
        ("MSG a 1 2\r\nhi\r\n", message(None, b"", b"hi")),
        ("MSG a 1 r 0\r\n\r\n", message(Some(b"r"), b"", b"")),
        ("HMSG a 1 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\n", message(None, headers, b"hi")),
        ("HMSG a 1 r 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", message(Some(b"r"), headers, b"")),
        ("PING\r\n", ServerOp::Ping),
        ("PONG\r\n", ServerOp::Pong),
        ("+OK\r\n", ServerOp::Ok),
        ("-ERR 'Invalid Subject'\r\n", ServerOp::Error(b"Invalid Subject")),
    ] {
        let whole = Ok(Parsed::Whole { op, length: input.len() });
        assert_eq!(parse_server(input.as_bytes(), &Limits { line_bytes_max: 22, ..SMALL }), whole, "{input:?}");
    }
    for (input, expected) in [
        ("PUB a 0\r\n\r\n", ParseError::UnknownOperation),
        ("MSG a 1 99\r\n", ParseError::PayloadTooLarge),
        (
            "MSG a 0\r\n\r\n",
            ParseError::Malformed("MSG and HMSG take a subject, an id, perhaps a reply subject, and sizes"),
        ),
    ] {
        assert_eq!(parse_server(input.as_bytes(), &SMALL), Err(expected), "{input:?}");
    }
}

#[test]
fn what_a_header_block_says() {
    type Fields<'a> = &'a [(&'a str, &'a str)];
    for (block, status, fields) in [
        ("NATS/1.0\r\n\r\n", None, &[] as Fields),
        ("NATS/1.0 503\r\n\r\n", Some((503, "")), &[]),
        ("NATS/1.0 100 Idle Heartbeat\r\nA: 1\r\n\r\n", Some((100, "Idle Heartbeat")), &[("A", "1")]),
        ("NATS/1.0\r\nnats-Msg-Id:x y \r\nB:\r\nB: : \r\n\r\n", None, &[("nats-Msg-Id", "x y"), ("B", ""), ("B", ":")]),
    ] {
        let read = HeaderBlock::parse(block.as_bytes()).unwrap();
        assert_eq!((read.status(), read.fields().collect::<Vec<_>>()), (status, fields.to_vec()), "{block:?}");
    }
    let refused = [
        "",
        "NATS/1.0\r\n",
        "NATS/1.1\r\n\r\n",
        "NATS/1.0 5\r\n\r\n",
        "NATS/1.0\r\nA\r\n\r\n",
        "NATS/1.0\r\n: a\r\n\r\n",
    ];
    for block in refused.into_iter().chain(["NATS/1.0\r\nA b: c\r\n\r\n", "NATS/1.0\r\nA: b\nc\r\n\r\n"]) {
        assert!(HeaderBlock::parse(block.as_bytes()).is_err(), "{block:?}");
    }
    let block = HeaderBlock::parse(b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n").unwrap();
    assert_eq!((block.get("nats-msg-id"), block.get("other")), (Some("1"), None));
}

/// All operations of these pieces, as text, and the refusal that ends them.
fn read_all(pieces: &[&[u8]], read: fn(&[u8]) -> Result<Parsed<String>, ParseError>) -> Vec<String> {
    let (mut input, mut said) = (Vec::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match read(&input) {
                Ok(Parsed::Whole { op, length }) => {
                    input.drain(..length);
                    said.push(op);
                }
                Ok(Parsed::Partial { needed }) => {
                    assert!(needed > input.len(), "{input:?}");
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

fn as_client(input: &[u8]) -> Result<Parsed<String>, ParseError> {
    parse_client(input, &SMALL).map(shown)
}

fn as_server(input: &[u8]) -> Result<Parsed<String>, ParseError> {
    parse_server(input, &SMALL).map(shown)
}

fn shown<T: std::fmt::Debug>(parsed: Parsed<T>) -> Parsed<String> {
    match parsed {
        Parsed::Whole { op, length } => Parsed::Whole { op: format!("{op:?}"), length },
        Parsed::Partial { needed } => Parsed::Partial { needed },
    }
}

/// Text that is nearly NATS: whole operations and their parts in any order.
fn nearly_nats() -> impl Strategy<Value = Vec<u8>> {
    let whole =
        ["PING\r\n", "PUB a 2\r\nhi\r\n", "SUB a.* q 1\n", "UNSUB 1 2\r\n", "HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n"];
    let of_server = ["MSG a 1 2\r\nhi\r\n", "HMSG a 1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n", "-ERR 'x'\r\n", "INFO {}\r\n"];
    let parts = ["PUB ", "a ", "31\r\n", "2\r\n", "\r\n", "hi", "\n", "\r", "NATS/1.0", "aaaaaaaaaaaaaaaaaaaa", "é"];
    let any = prop::sample::select([&whole[..], &of_server, &parts].concat());
    prop::collection::vec(any, 0..10).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn fragmentation_changes_nothing(
        input in nearly_nats(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        for read in [as_client, as_server] {
            prop_assert_eq!(read_all(&split(&input, &cuts), read), read_all(&[&input], read));
        }
    }

    #[test]
    fn nothing_panics(input in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&[&input], as_client);
        read_all(&[&input], as_server);
        let _ = HeaderBlock::parse(&input);
    }

    #[test]
    fn messages_survive_a_round_trip(
        (subject, sid) in ("[a-z.]{1,9}", "[0-9]{1,4}"),
        reply in prop::option::of("[a-z]{1,5}"),
        fields in prop::option::of(prop::collection::vec(("[A-Za-z-]{1,8}", "[a-z]([ -~]{0,8}[a-z])?"), 0..4)),
        status in prop::option::of((100_u16..1000, "([A-Za-z]{1,9})?")),
        payload in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let status = status.as_ref().map(|(code, text)| (*code, text.as_str()));
        let mut headers = Vec::new();
        if let Some(fields) = &fields {
            write_status(status, &mut headers);
            fields.iter().for_each(|(name, value)| write_field(name, value.as_bytes(), &mut headers));
            write_headers_end(&mut headers);
            let read = HeaderBlock::parse(&headers).unwrap();
            prop_assert_eq!(read.status(), status);
            prop_assert!(read.fields().eq(fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
        }
        let (subject, sid, reply) = (subject.as_bytes(), sid.as_bytes(), reply.as_ref().map(|reply| reply.as_bytes()));
        let mut out = Vec::new();
        write_message(subject, sid, reply, &headers, &payload, &mut out);
        let op = ServerOp::Message(Delivery { subject, sid, reply, headers: &headers, payload: &payload });
        prop_assert_eq!(parse_server(&out, &Limits::default()), Ok(Parsed::Whole { op, length: out.len() }));
    }

    #[test]
    fn numbers_are_decimal(number in any::<u64>()) {
        let mut out = Vec::new();
        write::write_number(number, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
    }
}
