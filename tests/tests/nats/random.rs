//! Random conversations, of which both servers must make the same.

use proptest::prelude::*;

use crate::{PLAIN, talk::Step};

const CLIENTS: usize = 3;

/// Some steps of three clients. No two are members of one queue group, for which of them gets a message is chance; nobody is
/// pedantic, and no line is malformed, for there the servers differ.
pub(crate) fn conversation() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..CLIENTS, prop::collection::vec(says(), 1..4));
    let begin = (0..CLIENTS).map(|client| Step { client, says: PLAIN.into() }).collect::<Vec<_>>();
    prop::collection::vec(step, 0..12).prop_map(move |steps| {
        let said = steps
            .into_iter()
            .map(|(client, says)| Step { client, says: says.concat().replace("QUEUE", &format!("q{client}")) });
        begin.iter().cloned().chain(said).collect()
    })
}

fn says() -> impl Strategy<Value = String> {
    let filter = prop::sample::select(vec!["a", "a.b", "a.*", "*.b", "a.>", ">", "r.*", "a*", "a.b.c"]);
    let subject =
        prop::sample::select(vec!["a", "a.b", "b", "a.b.c", "a..b", ".a", "a.", "a*", "r.1", "A", "a.*", ">"]);
    let reply = prop::sample::select(vec!["", "r.1", "r.2", "a"]);
    let payload = prop::sample::select(vec!["", "x", "\r\n", "PING x", "MSG a 1 1"]);
    let connect = ["\"echo\":false,", "\"headers\":true,\"no_responders\":true,", "\"headers\":true,"];
    let connect = prop::sample::select(connect.to_vec());
    prop_oneof![
        6 => (filter.clone(), 1..5).prop_map(|(filter, sid)| format!("SUB {filter} {sid}\r\n")),
        2 => (filter, 1..5).prop_map(|(filter, sid)| format!("SUB {filter} QUEUE{sid} 1{sid}\r\n")),
        10 => (subject.clone(), reply.clone(), payload.clone())
            .prop_map(|(subject, reply, payload)| format!("PUB {subject} {reply} {}\r\n{payload}\r\n", payload.len())),
        2 => (subject, reply, payload).prop_map(|(subject, reply, payload)| {
            format!("HPUB {subject} {reply} 17 {}\r\nNATS/1.0\r\nA:b\r\n\r\n{payload}\r\n", payload.len() + 17)
        }),
        3 => (1..5, 0..4).prop_map(|(sid, max)| format!("UNSUB {sid} {max}\r\n")),
        1 => connect.prop_map(|with| format!("CONNECT {{{with}\"verbose\":false,\"pedantic\":false}}\r\n")),
        1 => Just("PONG\r\n".to_owned()),
    ]
}
