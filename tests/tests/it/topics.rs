//! Topics and buckets as a person sees them: `isles topic` and `isles kv` on what services publish, consume and store.

use std::thread;

use model::api::{ConsumerStatus, TopicStatus, Why};
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{process, sandbox::Sandbox, wait};

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/orders" = { to = "orders", strip = true }, "/mailer" = { to = "mailer", strip = true } }

[services.orders]
run = "python3 service.py"
publishes = ["orders.placed", "stock.low"]

[services.mailer]
run = "python3 service.py"
subscribes = ["orders.*", "stock.low"]
buckets = ["sent"]

[topics."orders.placed"]
max_deliver = 2
backoff = ["100ms"]

[topics."stock.low"]
retention = "workqueue"
"#;

fn up() -> Sandbox {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.up();
    sandbox
}

/// Makes the durable consumer of `mailer`.
fn subscribe(sandbox: &Sandbox) {
    let body = r#"{"stream_name":"orders_placed","config":{"durable_name":"mailer","ack_policy":"explicit"}}"#;
    let said = sandbox.publish("mailer", "$JS.API.CONSUMER.DURABLE.CREATE.orders_placed.mailer", body, "created");
    assert!(said.contains(r#""name":"mailer""#), "{said}");
}

/// Lets `mailer` pull a message with this text, which it does not acknowledge.
fn pull(sandbox: &Sandbox, text: &str) {
    let body = r#"{"batch":1,"expires":20000000000}"#;
    let said = sandbox.publish("mailer", "$JS.API.CONSUMER.MSG.NEXT.orders_placed.mailer", body, text);
    assert!(said.contains(text), "{said}");
}

/// The lines of a command's output, each as JSON.
fn lines(sandbox: &Sandbox, line: &[&str]) -> Vec<Value> {
    let done = sandbox.isles(&[line, &["--json"]].concat()).ok();
    done.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn consumer(sandbox: &Sandbox) -> ConsumerStatus {
    let topic: TopicStatus = sandbox.typed("/v1/topics/orders.placed");
    topic.consumers.into_iter().next().expect("mailer has one")
}

#[test]
fn messages_are_published_and_shown() {
    let sandbox = up();
    sandbox.isles(&["topic", "info", "orders.placed"]).ok().says(&[
        "nothing yet",
        "durability   always",
        "no consumers yet",
    ]);
    sandbox.isles(&["topic", "tail", "orders.placed", "--timeout", "1s"]).code(4).says(&["nothing was published yet"]);
    for (line, out) in [
        ("isles topic pub orders.placed '{\"order\": 1}' -H 'trace: 7'", "orders.placed  1\n"),
        ("printf two | isles topic pub orders.placed - --id a", "orders.placed  2\n"),
        ("isles topic pub orders.placed other --id a", "orders.placed  2  was kept before, under the same id\n"),
        ("printf '\\377' | isles topic pub orders.placed -", "orders.placed  3\n"),
    ] {
        assert_eq!(sandbox.shell(line).ok().out, out, "{line}");
    }
    let said = sandbox.shell("head -c 2000000 /dev/zero | isles topic pub orders.placed -").code(1);
    said.says(&["error: ", "hint: a message, with its header, or a value has at most 1048576 bytes"]);
    let said = sandbox.publish("orders", "orders.placed", "four", "seq");
    assert!(said.contains(r#""seq":4"#), "{said}");

    let payloads = |line: &[&str]| -> Vec<Value> {
        let messages = lines(&sandbox, &[&["topic", "tail", "orders.placed"], line].concat());
        messages.into_iter().map(|message| message["payload"].clone()).collect()
    };
    let all = [json!("{\"order\": 1}"), json!("two"), json!({ "base64": "/w==" }), json!("four")];
    for (line, expected) in [
        (&["--once"] as &[&str], &all[..]),
        (&["--from", "2", "-n", "1"], &all[1..2]),
        (&["--from", "last", "-n", "1"], &all[3..]),
        (&["--from", "10m", "-n", "4"], &all),
        (&["--from", "2100-01-01T00:00:00Z", "--once"], &[]),
        (&["--from", "99", "--once"], &[]),
    ] {
        assert_eq!(payloads(line), expected, "{line:?}");
    }
    let shown = sandbox.isles(&["topic", "tail", "orders.placed", "--once", "--headers"]).ok();
    shown.says(&["Z  {\"order\": 1}\n    trace: 7\n", "Z  (1 byte, no text)\n", "Z  four\n"]);
    sandbox.isles(&["topic", "ls"]).ok().says(&["TOPIC", "orders.placed  4 ", "stock.low      0         0B    -"]);
    sandbox.isles(&["status"]).ok().says(&["topics   2 topics, 4 messages\n"]);
    let metrics = sandbox.isles(&["metrics"]).ok();
    metrics.says(&[
        "\nisles_topic_messages_total{topic=\"orders.placed\"} 4\n",
        "\nisles_topic_pending_messages{topic=\"orders.placed\",service=\"mailer\"} 0\n",
    ]);
}

#[test]
fn why_tells_what_a_service_may_not_publish() {
    let sandbox = up();
    let said = sandbox.publish("orders", "nope.x", "one", "Violation");
    assert!(said.contains("Permissions Violation for Publish to \"nope.x\""), "{said}");
    sandbox.isles(&["why", "orders"]).ok().says(&[
        "orders -> $NATS_URL",
        "published `nope.x`, which `publishes` does not name: once",
        "hint: add it to `publishes` of `[services.orders]`, or correct the program",
    ]);
    let metrics = sandbox.isles(&["metrics"]).ok();
    metrics.says(&["\nisles_topic_denied_total{service=\"orders\",asked=\"publish\"} 1\n"]);
}

#[test]
fn a_tail_goes_on_whatever_dies_and_ends_with_ctrl_c() {
    let sandbox = up();
    let publish = |text: &str| sandbox.isles(&["topic", "pub", "orders.placed", text]).ok();
    publish("one");
    let tail = "exec isles topic tail orders.placed --from first --json > tail.txt 2> tail.err & echo $!";
    let pid: u32 = sandbox.shell(tail).ok().out.trim().parse().expect("a process id");
    let shown = |count: usize| {
        wait::until_is("the messages", &count, || sandbox.read("tail.txt").lines().count());
    };
    shown(1);
    sandbox.kill_platform();
    publish("two");
    shown(2);
    process::signal(pid, Signal::INT);
    wait::until_is("its end", &false, || process::is_alive(pid));
    publish("three");
    let texts = sandbox.read("tail.txt");
    assert!(texts.lines().last().is_some_and(|last| last.ends_with(r#""payload":"two"}"#)), "{texts}");
    assert_eq!(sandbox.read("tail.err"), "");
}

#[test]
fn a_consumer_gets_messages_again() {
    let sandbox = up();
    for text in ["one", "two", "three"] {
        sandbox.isles(&["topic", "pub", "orders.placed", text]).ok();
    }
    subscribe(&sandbox);
    pull(&sandbox, "one");
    sandbox.isles(&["status"]).ok().says(&["mailer is 2 behind in orders.placed"]);
    sandbox.isles(&["topic", "info", "orders.placed"]).ok().says(&["mailer    mailer   1          2       1"]);
    let replay = |from: &str| sandbox.isles(&["topic", "replay", "orders.placed", "mailer", "--from", from]).ok();
    let again =
        "what it has not acknowledged before comes again all the same, message 1 first; `--from new` passes over it\n";
    for (from, out, err) in [
        ("2", "mailer  gets orders.placed from 2 on: 2 messages\n", again),
        ("new", "mailer  gets orders.placed from 4 on: 0 messages\n", ""),
        ("first", "mailer  gets orders.placed from 1 on: 3 messages\n", ""),
        ("last", "mailer  gets orders.placed from 3 on: 1 message\n", ""),
        ("10m", "mailer  gets orders.placed from 1 on: 3 messages\n", ""),
    ] {
        let replayed = replay(from);
        assert_eq!((&*replayed.out, &*replayed.err), (out, err), "{from}");
        let left = u64::from(!err.is_empty());
        assert_eq!(consumer(&sandbox).unacknowledged, left, "{from}");
    }
    pull(&sandbox, "one");
    assert_eq!((consumer(&sandbox).pending, consumer(&sandbox).durable), (2, true));
    let said = sandbox.isles(&["topic", "replay", "orders.placed", "mailr", "--from", "first"]).code(1);
    said.says(&["error: there is no consumer `mailr`", "hint: did you mean `mailer`?"]);
    let said = sandbox.isles(&["topic", "replay", "orders.placed", "mailer", "--from", "5"]).code(1);
    said.says(&["error: the last message of the topic is 3", "hint: `new` passes over"]);
}

/// Each way that the hint names leads out.
#[test]
fn a_full_topic_takes_messages_again() {
    let manifest = |max: u32| {
        let limits = format!("[topics.full]\nmax_msgs = {max}\ndiscard = \"new\"\n");
        format!("[services.orders]\nrun = \"python3 service.py\"\npublishes = [\"full\"]\n{limits}")
    };
    let sandbox = Sandbox::new(&manifest(1));
    sandbox.up();
    let publish = || sandbox.isles(&["topic", "pub", "full", "x"]);
    publish().ok();
    publish().code(1).says(&[
        "maximum messages exceeded",
        "hint: it is full: raise `max_msgs` of `[topics.\"full\"]`",
        "run `isles deploy`",
        "`isles topic rm full SEQUENCE` makes room at once",
    ]);
    sandbox.isles(&["topic", "rm", "full", "1"]).ok();
    publish().ok();
    publish().code(1);
    sandbox.manifest(&manifest(2));
    sandbox.isles(&["deploy"]).ok();
    publish().ok();
}

#[test]
fn a_message_and_a_consumer_are_taken_away() {
    let sandbox = up();
    for text in ["poison", "two"] {
        sandbox.isles(&["topic", "pub", "orders.placed", text]).ok();
    }
    subscribe(&sandbox);
    pull(&sandbox, "poison");
    let rm = |sequence: &str| sandbox.isles(&["topic", "rm", "orders.placed", sequence]);
    assert_eq!(rm("1").ok().out, "orders.placed  1  removed\n");
    rm("1").code(1).says(&["there is no message `1` in the topic `orders.placed`", "hint: `isles topic tail"]);
    rm("x").code(2).says(&["invalid value 'x'"]);
    assert_eq!((consumer(&sandbox).unacknowledged, consumer(&sandbox).pending), (0, 1), "it comes no more");
    pull(&sandbox, "two");

    let rm = |name: &str| sandbox.isles(&["topic", "consumer", "rm", "orders.placed", name]);
    rm("mailr").code(1).says(&["there is no consumer `mailr`", "did you mean `mailer`?"]);
    let removed = rm("mailer").ok();
    assert_eq!(removed.out, "mailer  removed from orders.placed\n");
    removed.says(&["mailer subscribes to orders.placed: its program makes a new one"]);
    rm("mailer").code(1).says(&["there is no consumer `mailer`"]);
    // Who is waited for is not taken away.
    subscribe(&sandbox);
    sandbox.isles(&["topic", "replay", "orders.placed", "mailer", "--from", "new"]).ok();
    thread::scope(|scope| {
        let waits = scope.spawn(|| pull(&sandbox, "three"));
        wait::until_is("its request", &true, || {
            let info = "$JS.API.CONSUMER.INFO.orders_placed.mailer";
            sandbox.publish("mailer", info, "", "num_waiting").contains(r#""num_waiting":1"#)
        });
        rm("mailer").code(1).says(&[
            "somebody waits for messages of the consumer `mailer`",
            "hint: stop it first: `isles scale mailer=0`",
        ]);
        sandbox.isles(&["topic", "pub", "orders.placed", "three"]).ok();
        waits.join().expect("it is told");
    });
}

#[test]
fn a_work_queue_gives_again_what_it_still_has() {
    let sandbox = up();
    let body = r#"{"stream_name":"stock_low","config":{"durable_name":"mailer","ack_policy":"explicit"}}"#;
    sandbox.publish("mailer", "$JS.API.CONSUMER.DURABLE.CREATE.stock_low.mailer", body, "created");
    for text in ["one", "two", "three"] {
        sandbox.isles(&["topic", "pub", "stock.low", text]).ok();
    }
    sandbox.publish("mailer", "$JS.API.CONSUMER.MSG.NEXT.stock_low.mailer", r#"{"batch":2}"#, "two");
    sandbox.publish("mailer", "$JS.ACK.stock_low.mailer.1.1.1.0.0", "+ACK", "_INBOX.t");
    let replay = |from: &str| sandbox.isles(&["topic", "replay", "stock.low", "mailer", "--from", from]);
    for (from, said) in [
        (
            "1",
            "message 1 is gone, for the stream keeps what its consumers wait for and nothing else; the next that there is is 2",
        ),
        ("new", "it would pass over what the stream keeps for it, as many messages as 2"),
    ] {
        replay(from).code(1).says(&[
            said,
            "hint: `isles topic tail stock.low --once` shows",
            "`isles topic rm stock.low SEQUENCE`",
        ]);
    }
    assert_eq!(replay("first").ok().out, "mailer  gets stock.low from 2 on: 2 messages\n");
    sandbox.publish("mailer", "$JS.API.CONSUMER.MSG.NEXT.stock_low.mailer", r#"{"batch":2}"#, "three");
}

#[test]
fn dead_letters_are_shown_and_replayed_once() {
    let sandbox = up();
    subscribe(&sandbox);
    sandbox.isles(&["topic", "dead", "ls"]).ok().says(&["there are no dead letters"]);
    for text in ["one", "two"] {
        sandbox.isles(&["topic", "pub", "orders.placed", text, "--id", text]).ok();
    }
    // Whichever comes first the second time.
    (0..4).for_each(|_| pull(&sandbox, "$JS.ACK"));
    wait::until_is("dead letters", &2, || consumer(&sandbox).dead);
    let dead = lines(&sandbox, &["topic", "dead", "ls"]);
    let told = |letter: &Value| (letter["id"].clone(), letter["payload"].clone(), letter["deliveries"].clone());
    let ids: Vec<_> = dead.iter().map(told).collect();
    assert_eq!(ids, [(json!("mailer/1"), json!("one"), json!(2)), (json!("mailer/2"), json!("two"), json!(2)),]);
    assert_eq!((&dead[0]["reason"], &dead[0]["topic"]), (&json!("max-deliveries"), &json!("orders.placed")));
    sandbox
        .isles(&["topic", "dead", "ls", "orders.placed", "--consumer", "mailer"])
        .ok()
        .says(&["MESSAGE", "mailer/2"]);
    sandbox.isles(&["status"]).ok().says(&["2 dead letters: see `isles topic dead ls`"]);
    let why: Why = sandbox.typed("/v1/services/mailer/why");
    assert!(why.findings[0].what.starts_with("2 messages are dead"), "{:?}", why.findings);

    let replayed = sandbox.isles(&["topic", "dead", "replay", "orders.placed", "mailer/1"]).ok();
    assert_eq!(replayed.out, "mailer/1  published again\n");
    sandbox.isles(&["topic", "dead", "replay", "orders.placed", "mailer/1"]).code(1).says(&[
        "error: there is no dead letter `mailer/1`",
        "hint: `isles topic dead ls orders.placed` shows those that there are",
    ]);
    sandbox.isles(&["topic", "dead", "replay", "orders.placed", "--all"]).ok().says(&["mailer/2  published again"]);
    assert_eq!(lines(&sandbox, &["topic", "dead", "ls"]), [] as [Value; 0]);
    let messages = lines(&sandbox, &["topic", "tail", "orders.placed", "--once"]);
    let payloads: Vec<_> = messages.iter().map(|message| &message["payload"]).collect();
    assert_eq!(payloads, ["one", "two", "one", "two"]);
    assert!(!messages[2].to_string().contains("Isles-Dead"), "{}", messages[2]);

    let early = |letter: &Value| letter["first_delivered_at"].as_u64() < letter["delivered_at"].as_u64();
    assert!(dead.iter().all(early), "{dead:?}");

    // What is dead a second time is published a second time.
    sandbox.isles(&["topic", "replay", "orders.placed", "mailer", "--from", "first"]).ok();
    (0..8).for_each(|_| pull(&sandbox, "$JS.ACK"));
    wait::until_is("dead letters", &4, || consumer(&sandbox).dead);
    let removed = sandbox.isles(&["topic", "dead", "rm", "orders.placed", "mailer/3"]).ok();
    assert_eq!(removed.out, "mailer/3  removed\n");
    sandbox.isles(&["topic", "dead", "rm", "orders.placed", "mailer/3"]).code(1).says(&["no dead letter `mailer/3`"]);
    sandbox.isles(&["topic", "dead", "replay", "orders.placed", "mailer/4"]).ok();
    assert_eq!(lines(&sandbox, &["topic", "tail", "orders.placed", "--once"]).len(), 5);
    sandbox.isles(&["topic", "dead", "rm", "orders.placed", "--consumer", "mailer"]).ok().says(&["mailer/5  removed"]);
    assert_eq!(lines(&sandbox, &["topic", "dead", "ls"]), [] as [Value; 0]);
    assert_eq!(lines(&sandbox, &["topic", "tail", "orders.placed", "--once"]).len(), 5, "nothing is published");
}

/// Killed while dead letters are published again, each is either dead or published, never both or neither.
#[test]
fn a_kill_leaves_each_dead_letter_once() {
    const LETTERS: u64 = 60;
    let sandbox = up();
    subscribe(&sandbox);
    let publish = format!("for i in $(seq {LETTERS}); do isles topic pub orders.placed m$i; done");
    sandbox.shell(&publish).ok();
    wait::until_is("dead letters", &LETTERS, || {
        let body = format!(r#"{{"batch":{LETTERS},"no_wait":true}}"#);
        sandbox.publish("mailer", "$JS.API.CONSUMER.MSG.NEXT.orders_placed.mailer", &body, "MSG");
        consumer(&sandbox).dead
    });
    let topic = || sandbox.typed::<TopicStatus>("/v1/topics/orders.placed");
    let replay = "exec isles topic dead replay orders.placed --all > replay.txt 2>&1 & echo $!";
    let pid: u32 = sandbox.shell(replay).ok().out.trim().parse().expect("a process id");
    wait::until("the first of them", || (topic().messages > LETTERS).then_some(()));
    sandbox.kill_platform();
    wait::until_is("its end", &false, || process::is_alive(pid));
    let after = topic();
    assert_eq!(after.messages - LETTERS + after.dead, LETTERS, "{} are dead", after.dead);
    sandbox.isles(&["topic", "dead", "replay", "orders.placed", "--all"]).ok();
    assert_eq!((topic().messages, topic().dead), (2 * LETTERS, 0));
}

#[test]
fn buckets_are_what_services_see() {
    let sandbox = up();
    sandbox.isles(&["kv", "ls"]).ok().says(&["BUCKET  OWNER   ENTRIES", "sent    mailer  0"]);
    let said = sandbox.publish("mailer", "$KV.sent.order.1", "by the service", "seq");
    assert!(said.contains(r#""seq":1"#), "{said}");
    assert_eq!(sandbox.isles(&["kv", "get", "sent", "order.1"]).ok().out, "by the service");
    assert_eq!(sandbox.shell("printf two | isles kv put sent order.2 -").ok().out, "order.2  revision 2\n");
    let got = sandbox.publish("mailer", "$JS.API.DIRECT.GET.KV_sent.$KV.sent.order.2", "", "two");
    assert!(got.contains("Nats-Sequence: 2"), "{got}");
    sandbox.isles(&["kv", "put", "sent", "order.2", "x", "--revision", "0"]).code(1).says(&["error: ", "hint: "]);
    sandbox.isles(&["kv", "put", "sent", "order.2", "2", "--revision", "2"]).ok().says(&["order.2  revision 3"]);
    sandbox.isles(&["kv", "put", "sent", "other", "x"]).ok();
    let keys = |line: &[&str]| -> Vec<Value> {
        let entries = lines(&sandbox, &[&["kv", "ls", "sent"], line].concat());
        entries.into_iter().map(|entry| entry["key"].clone()).collect()
    };
    assert_eq!(keys(&[]), ["order.1", "order.2", "other"]);
    assert_eq!(keys(&["order.*"]), ["order.1", "order.2"]);
    sandbox.isles(&["kv", "del", "sent", "order.1"]).ok().says(&["order.1  deleted, revision 5"]);
    assert_eq!(keys(&[]), ["order.2", "other"]);
    let gone = sandbox.isles(&["kv", "get", "sent", "order.1"]).code(1);
    gone.says(&["no value for the key `order.1`", "hint: `isles kv ls sent` shows its keys"]);
    sandbox.isles(&["kv", "history", "sent", "order.1"]).ok().says(&["REVISION", "delete"]);

    let watch = "exec isles kv watch sent 'order.>' > watch.txt 2>&1 & echo $!";
    let pid: u32 = sandbox.shell(watch).ok().out.trim().parse().expect("a process id");
    wait::until("the entries", || sandbox.read("watch.txt").contains("order.1  deleted").then_some(()));
    sandbox.isles(&["kv", "put", "sent", "order.3", "new"]).ok();
    wait::until("the change", || sandbox.read("watch.txt").contains("order.3  new").then_some(()));
    assert!(!sandbox.read("watch.txt").contains("other"));
    process::signal(pid, Signal::INT);
    wait::until_is("its end", &false, || process::is_alive(pid));
}

#[test]
fn what_is_not_there_is_told_with_what_is_near() {
    let sandbox = up();
    for (line, said) in [
        (&["topic", "info", "orders.place"] as &[&str], &["no topic `orders.place`", "did you mean `orders.placed`?"]),
        (
            &["topic", "pub", "nothing.like.it", "x"],
            &["no topic `nothing.like.it`", "hint: there are: orders.placed, stock.low"],
        ),
        (
            &["topic", "pub", "orders.placed", "x", "-H", "a b: c"],
            &["cannot be a header field", "hint: a name is of visible"],
        ),
        (
            &["topic", "replay", "orders.placed", "mailer", "--from", "first"],
            &["no consumer `mailer`", "hint: there is none yet"],
        ),
        (&["kv", "get", "snt", "a"], &["no bucket `snt`", "did you mean `sent`?"]),
        (&["kv", "put", "sent", "a b", "c"], &["`a b` is not a key", "hint: "]),
        (&["kv", "ls", "sent", "a..b"], &["stands for no keys", "hint: write keys such as"]),
    ] {
        sandbox.isles(line).code(1).says(said);
    }
    sandbox.isles(&["topic", "info", "orders.*"]).code(2).says(&["`*` and `>` stand for topics, they are none"]);
    sandbox.isles(&["down"]).ok();
    sandbox.isles(&["topic", "ls"]).code(6).says(&["the system `test` is not running", "hint: start it with"]);
    sandbox.manifest("[services.web]\nrun = \"python3 service.py\"\n");
    sandbox.up();
    sandbox.isles(&["topic", "ls"]).ok().says(&["the system has no topics"]);
    sandbox.isles(&["topic", "info", "a"]).code(1).says(&["no topic `a`", "hint: there is none: a service that says"]);
}

#[test]
fn messages_tell_the_release_of_who_published_them() {
    let manifest = MANIFEST.replace("python3 service.py\"\n", "python3 service.py\"\nartifact = [\"service.py\"]\n");
    let sandbox = Sandbox::new(&manifest);
    sandbox.up();
    let publish = |sequence: u64| {
        let said = sandbox.publish("orders", "orders.placed", "{}", "seq");
        assert!(said.contains(&format!("\"seq\":{sequence}")), "{said}");
    };
    publish(1);
    sandbox.manifest(&manifest.replacen("artifact", "env = { NEW = \"1\" }\nartifact", 1));
    sandbox.isles(&["deploy"]).ok();
    publish(2);
    // Another service changes: the instances of this one stay, and are of the next release.
    let pids = sandbox.pids("orders");
    sandbox.manifest(&manifest.replace("artifact", "env = { NEW = \"1\" }\nartifact"));
    sandbox.isles(&["deploy"]).ok();
    publish(3);
    assert_eq!(sandbox.pids("orders"), pids);
    let messages = lines(&sandbox, &["topic", "tail", "orders.placed", "--from", "first", "--once"]);
    let headers: Vec<_> = messages.iter().map(|message| message["headers"].clone()).collect();
    assert_eq!(headers, ["1", "2", "3"].map(|release| json!([["Isles-Release", release]])));
}
