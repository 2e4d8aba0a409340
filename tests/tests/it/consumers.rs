//! Consumers of `isles nats-server`, killed at any moment.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::Child,
};

use crate::jetstream::start;

/// What a consumer sent, or a status.
struct Delivery {
    reply: String,
    payload: String,
}

impl Delivery {
    /// How often it was delivered: the fifth token of `$JS.ACK.STREAM.CONSUMER.DELIVERED.…`.
    fn deliveries(&self) -> u64 {
        self.reply.split('.').nth(4).expect("an acknowledgement subject").parse().expect("a number")
    }
}

struct Client {
    server: Child,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn start(folder: &Path) -> Self {
        let (server, lines) = start(folder);
        let mut client = Self { server, lines };
        client.say("SUB inbox 2\r\nSUB done 3\r\n");
        client
    }

    fn say(&mut self, text: &str) {
        // When it was killed it reads no more.
        let _ = self.lines.get_mut().write_all(text.as_bytes());
    }

    fn publish(&mut self, subject: &str, reply: &str, payload: &str) {
        self.say(&format!("PUB {subject} {reply} {}\r\n{payload}\r\n", payload.len()));
    }

    /// The next message, with the subscription that it is for; `None` when the server has gone.
    fn hear(&mut self) -> Option<(String, Delivery)> {
        let mut line = String::new();
        self.lines.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let words: Vec<_> = line.split_whitespace().collect();
        let length: usize = words.last()?.parse().ok()?;
        let mut bytes = vec![0; length + 2];
        self.lines.read_exact(&mut bytes).ok()?;
        let head = if words[0] == "HMSG" { words[words.len() - 2].parse().ok()? } else { 0 };
        let reply = words.iter().find(|word| word.starts_with("$JS.ACK")).unwrap_or(&"").to_string();
        let payload = String::from_utf8_lossy(&bytes[head..length]).into_owned();
        Some((words[2].to_owned(), Delivery { reply, payload }))
    }

    /// How many messages the queue has.
    fn messages(&mut self) -> u64 {
        self.publish("$JS.API.STREAM.INFO.q", "r", "");
        let (_, info) = self.hear().expect("an answer");
        let info: serde_json::Value = serde_json::from_str(&info.payload).expect("JSON");
        info["state"]["messages"].as_u64().expect("a number")
    }

    fn kill(&mut self) {
        self.server.kill().expect("it runs");
        self.server.wait().expect("it ends");
    }
}

/// A work queue, from which several requests pull: what was acknowledged twice over never comes again, everything else comes, and a
/// message that was delivered before says so.
#[test]
fn a_kill_redelivers_what_was_not_acknowledged_and_nothing_else() {
    const MESSAGES: u32 = 200;
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::start(folder.path());
    for (subject, body) in [
        ("$JS.API.STREAM.CREATE.q", r#"{"name":"q","subjects":["q"],"retention":"workqueue"}"#),
        (
            "$JS.API.CONSUMER.CREATE.q.c",
            r#"{"stream_name":"q","config":{"durable_name":"c","ack_policy":"explicit","ack_wait":300000000}}"#,
        ),
    ] {
        client.publish(subject, "r", body);
        let (_, answer) = client.hear().unwrap();
        assert!(!answer.payload.contains("error"), "{}", answer.payload);
    }
    for number in 0..MESSAGES {
        client.publish("q", "r", &number.to_string());
        client.hear().unwrap();
    }
    let (mut acknowledged, mut seen) = (BTreeSet::new(), BTreeMap::<String, u64>::new());
    for round in 1.. {
        if client.messages() == 0 {
            break;
        }
        let asked = r#"{"batch":20,"expires":1000000000}"#;
        (0..3).for_each(|_| client.publish("$JS.API.CONSUMER.MSG.NEXT.q.c", "inbox", asked));
        let (mut waiting, mut got) = (VecDeque::new(), 0);
        for _ in 0..round * 17 {
            if got == 60 && waiting.is_empty() {
                break;
            }
            let Some((sid, delivery)) = client.hear() else { break };
            if sid == "3" {
                acknowledged.extend(waiting.pop_front());
            } else if delivery.payload.is_empty() {
                break;
            } else {
                got += 1;
                let number = delivery.payload.clone();
                assert!(!acknowledged.contains(&number), "{number} was acknowledged");
                let before = seen.insert(number.clone(), delivery.deliveries()).unwrap_or(0);
                assert!(delivery.deliveries() >= before, "{number} was delivered {before} times");
                if got % 5 > 0 {
                    client.publish(&delivery.reply, "done", "+ACK");
                    waiting.push_back(number);
                }
            }
        }
        client.kill();
        while let Some((sid, _)) = client.hear() {
            acknowledged.extend(waiting.pop_front().filter(|_| sid == "3"));
        }
        client = Client::start(folder.path());
    }
    client.kill();
    assert_eq!(seen.len(), MESSAGES as usize, "all were delivered");
    assert!(seen.values().any(|deliveries| *deliveries > 1), "some were delivered again");
}
