//! Topics and buckets, spoken of as NATS by the programs of services.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use model::{Reason, api::Why};
use rustix::process::Signal;
use tests::{process, sandbox::Sandbox, wait};

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/orders" = { to = "orders", strip = true }, "/mailer" = { to = "mailer", strip = true } }

[services.orders]
run = "python3 service.py"
publishes = ["orders.placed"]

[services.mailer]
run = "python3 service.py"
subscribes = ["orders.*"]
buckets = ["sent"]

[services.other]
run = "python3 service.py"
"#;

fn address(sandbox: &Sandbox, service: &str) -> Option<SocketAddr> {
    let environment = process::environment(sandbox.pid(service));
    environment.iter().find_map(|variable| variable.strip_prefix("NATS_URL=nats://"))?.parse().ok()
}

#[test]
fn a_message_is_kept_whatever_dies() {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.up();
    let publish = |number: u64| {
        let said = sandbox.publish("orders", "orders.placed", "{}", "seq");
        assert!(said.contains(&format!(r#"{{"stream":"orders_placed","seq":{number}"#)), "{said}");
    };
    publish(1);
    let killed = sandbox.status().platform_pid;
    process::signal(killed, Signal::KILL);
    // This waits in the backlog for the next platform.
    publish(2);
    sandbox.next_platform(killed);
    let before = address(&sandbox, "orders");
    sandbox.isles(&["restart", "orders"]).ok();
    assert!(before.is_some());
    publish(3);
    sandbox.isles(&["down"]).ok();
    sandbox.up();
    publish(4);
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();

    sandbox.manifest(&format!("{MANIFEST}[topics.\"orders.placed\"]\nmax_msgs = 2\n"));
    sandbox.up();
    let info = sandbox.publish("mailer", "$JS.API.STREAM.INFO.orders_placed", "", "last_seq");
    assert!(info.contains(r#""max_msgs":2"#) && info.contains(r#""messages":2"#), "{info}");
    sandbox.isles(&["down"]).ok();
    sandbox.manifest(&format!("{MANIFEST}[topics.\"orders.placed\"]\nretention = \"workqueue\"\n"));
    sandbox.isles(&["up", "-d"]).code(1).says(&[
        "error: cannot change stream `orders_placed`",
        "retention policy",
        "hint: change it back",
    ]);
}

#[test]
fn the_way_to_messages_is_for_those_that_have_to_do_with_them() {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.up();
    let (orders, mailer) = (address(&sandbox, "orders"), address(&sandbox, "mailer"));
    assert!(orders.is_some() && mailer.is_some() && orders != mailer);
    assert_eq!(address(&sandbox, "other"), None);

    let mut stranger = TcpStream::connect(orders.expect("it was just looked at")).expect("it listens");
    stranger.set_read_timeout(Some(Duration::from_secs(20))).expect("it is a duration");
    stranger.write_all(b"CONNECT {}\r\nPUB orders.placed 2\r\nhi\r\n").expect("it is taken");
    let mut said = String::new();
    stranger.read_to_string(&mut said).expect("it ends");
    let why = "-ERR 'not-attested: the address is that of orders/1, and the caller is a process of user";
    assert!(said.starts_with("INFO {") && said.contains(why), "{said}");
    let told: Why = sandbox.typed("/v1/services/orders/why");
    let failure = told.failures.first().expect("it is remembered");
    assert_eq!((failure.reason, failure.connection.as_str()), (Some(Reason::NotAttested), "orders/1 -> messages"));
    let info = sandbox.publish("mailer", "$JS.API.STREAM.INFO.orders_placed", "", "last_seq");
    assert!(info.contains(r#""messages":0"#), "{info}");
}

/// A rolling restart under load: what an instance has begun it ends before it is told to stop, and the rest goes to the next one.
#[test]
fn a_restarted_consumer_gets_each_message_once() {
    check_restarts("");
}

/// The same where messages are pushed: the old instance and the new one share a queue group.
#[test]
fn a_restarted_push_consumer_gets_each_message_once() {
    check_restarts("env = { PUSH = \"1\" }\n");
}

fn check_restarts(settings: &str) {
    const MESSAGES: u64 = 100;
    let consumer = format!("consumer.py\"\n{settings}subscribes");
    let sandbox = Sandbox::new(&MANIFEST.replacen("service.py\"\nsubscribes", &consumer, 1));
    sandbox.write("consumer.py", include_str!("../../programs/consumer.py"));
    sandbox.up();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=MESSAGES {
                let said = sandbox.publish("orders", "orders.placed", "{}", "seq");
                assert!(said.contains(&format!("\"seq\":{number}")), "{said}");
            }
        });
        for before in 1..=2 {
            wait::until("a consumer at work", || (processes(&sandbox) >= before).then_some(()));
            sandbox.isles(&["restart", "mailer"]).ok();
        }
    });
    let all = || consumed(&sandbox).len() as u64 >= MESSAGES;
    wait::until("all messages", || all().then_some(()));
    let deliveries =
        consumed(&sandbox).into_iter().map(|line| line.rsplit_once(' ').expect("three words").0.to_owned());
    let mut deliveries: Vec<_> = deliveries.collect();
    deliveries.sort_by_key(|line| line.split(' ').next().and_then(|number| number.parse::<u64>().ok()));
    let once: Vec<_> = (1..=MESSAGES).map(|number| format!("{number} 1")).collect();
    assert_eq!(deliveries, once);
    assert!(processes(&sandbox) >= 2, "several processes had some");
}

/// The messages that were consumed: sequence, delivery, process.
fn consumed(sandbox: &Sandbox) -> Vec<String> {
    let file = std::fs::read_to_string(sandbox.path("consumed")).unwrap_or_default();
    file.lines().map(str::to_owned).collect()
}

fn processes(sandbox: &Sandbox) -> usize {
    consumed(sandbox)
        .iter()
        .filter_map(|line| line.rsplit(' ').next().map(str::to_owned))
        .collect::<BTreeSet<_>>()
        .len()
}
