//! Topics and buckets in a nats-server that somebody else runs.

use std::path::Path;

use nats_server::Server;
use tests::{binary, process, sandbox::Sandbox, wait};

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/orders" = { to = "orders", strip = true }, "/mailer" = { to = "mailer", strip = true } }

[services.orders]
run = "python3 service.py"
publishes = ["orders.placed"]

[services.mailer]
run = "python3 service.py"
subscribes = ["orders.placed"]
buckets = ["sent"]

[streams]
engine = "nats"
"#;

fn server() -> Server {
    let config = binary::repository().join("tests/compat/jetstream.conf");
    nats_server::run_program(Path::new("nats-server"), &config.display().to_string())
}

fn sandbox(url: &str) -> Sandbox {
    Sandbox::new(&format!("{MANIFEST}url = \"{url}\"\n"))
}

#[test]
fn services_exchange_a_message_through_debian_nats_server() {
    let server = server();
    let url = format!("nats://127.0.0.1:{}", server.client_port());
    let sandbox = sandbox(&url);
    sandbox.up();
    sandbox.isles(&["check"]).ok().says(&["warning: what services may do", "hint: add `users = true`"]);
    sandbox.isles(&["status"]).ok().says(&["notice", "is not enforced by this NATS server"]);
    sandbox.isles(&["nats-users"]).code(1).says(&["the services are no users of a NATS server", "hint: say"]);
    for service in ["orders", "mailer"] {
        assert!(process::environment(sandbox.pid(service)).contains(&format!("NATS_URL={url}")), "{service}");
    }
    let config = r#"{"stream_name":"orders_placed","config":{"durable_name":"mailer","ack_policy":"explicit"}}"#;
    sandbox.publish("mailer", "$JS.API.CONSUMER.DURABLE.CREATE.orders_placed.mailer", config, "num_pending");
    let ack = sandbox.publish("orders", "orders.placed", "order-7", "seq");
    assert!(ack.contains(r#""stream":"orders_placed","#), "{ack}");
    let got = sandbox.publish("mailer", "$JS.API.CONSUMER.MSG.NEXT.orders_placed.mailer", "1", "order-7");
    assert!(got.contains("$JS.ACK.orders_placed.mailer."), "{got}");
    let kept = sandbox.publish("mailer", "$KV.sent.a", "1", "seq");
    assert!(kept.contains(r#""stream":"KV_sent","#), "{kept}");

    // A person sees the same, and is told what this server has not.
    assert_eq!(sandbox.isles(&["topic", "pub", "orders.placed", "two"]).ok().out, "orders.placed  2\n");
    sandbox.isles(&["topic", "tail", "orders.placed", "--once"]).ok().says(&["Z  order-7\n", "Z  two\n"]);
    sandbox.isles(&["topic", "info", "orders.placed"]).ok().says(&["mailer    mailer   1          1       1"]);
    assert_eq!(sandbox.isles(&["kv", "get", "sent", "a"]).ok().out, "1");
    sandbox
        .isles(&["topic", "dead", "ls", "orders.placed"])
        .code(1)
        .says(&["this engine has no dead letters", "hint: "]);

    // What has nothing to do with messages goes on without the server, whatever else dies.
    drop(server);
    sandbox.kill_platform();
    assert_eq!(sandbox.get("/orders/x").text(), "/x");
    sandbox
        .isles(&["topic", "pub", "orders.placed", "x", "--timeout", "60s"])
        .code(1)
        .says(&["error: ", "hint: try again"]);
    sandbox.isles(&["down"]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_system_does_not_come_up_without_its_nats_server() {
    let sandbox = sandbox("nats://ada:secret@127.0.0.1:1");
    let done = sandbox.isles(&["up", "-d"]).code(1);
    let done = done.says(&["error: the NATS server at 127.0.0.1:1 cannot be reached: ", "hint: start it"]);
    done.never_says("secret");
}

/// Nobody waits for a server that no service needs, and the first topic needs it.
#[test]
fn the_first_topic_is_made_in_a_debian_nats_server() {
    let server = server();
    let stored = MANIFEST.replace("python3 service.py\"\n", "python3 service.py\"\nartifact = [\"service.py\"]\n");
    let up = |url: &str| {
        let with = format!("{stored}url = \"{url}\"\n");
        let uses =
            ["publishes = [\"orders.placed\"]\n", "subscribes = [\"orders.placed\"]\n", "buckets = [\"sent\"]\n"];
        let sandbox = Sandbox::new(&uses.iter().fold(with.clone(), |manifest, line| manifest.replace(line, "")));
        sandbox.up();
        sandbox.manifest(&with);
        sandbox
    };
    let nowhere = up("nats://127.0.0.1:1");
    nowhere.isles(&["deploy"]).code(1).says(&["the NATS server at 127.0.0.1:1 cannot be reached", "hint: see whether"]);
    let sandbox = up(&format!("nats://127.0.0.1:{}", server.client_port()));
    // It may still be on its way to the server.
    wait::until("a deploy", || (sandbox.isles(&["deploy"]).code == Some(0)).then_some(()));
    let ack = sandbox.publish("orders", "orders.placed", "order-7", "seq");
    assert!(ack.contains(r#""stream":"orders_placed","#), "{ack}");
}

/// An ordinary nats-server serves no JetStream.
#[test]
fn a_system_does_not_come_up_with_a_debian_nats_server_without_streams() {
    let folder = Sandbox::empty();
    folder.write("nats.conf", "host: 127.0.0.1");
    let config = folder.path("nats.conf").display().to_string();
    let server = nats_server::run_program(Path::new("nats-server"), &config);
    let sandbox = sandbox(&format!("nats://127.0.0.1:{}", server.client_port()));
    let place = format!("error: the NATS server at 127.0.0.1:{} cannot be used: ", server.client_port());
    let says = [place.as_str(), "the server does not serve JetStream", "hint: let it serve JetStream"];
    sandbox.isles(&["up", "-d"]).code(1).says(&says);
}

/// A server with TLS and what `isles nats-users` prints: each service is a user of its own there, and does what it declares.
#[test]
fn services_are_users_of_a_server_with_tls() {
    let users = |port: u16| {
        let url = format!("tls://isles:secret@localhost:{port}");
        format!("{MANIFEST}url = \"{url}\"\nca = \"cert.pem\"\nusers = true\n")
    };
    let sandbox = Sandbox::new(MANIFEST);
    let key = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    sandbox.write("cert.pem", &key.cert.pem());
    sandbox.write("key.pem", &key.signing_key.serialize_pem());
    sandbox.manifest(&users(1));
    let block = sandbox.isles(&["nats-users"]).ok().never_says("secret").out;
    let tls = format!("tls {{ cert_file: {:?}, key_file: {:?} }}", sandbox.path("cert.pem"), sandbox.path("key.pem"));
    let passwords = "NATS_PASSWORD: secret\nORDERS_NATS_PASSWORD: one\nMAILER_NATS_PASSWORD: two";
    sandbox.write("nats.conf", &format!("host: 127.0.0.1\njetstream: enabled\n{tls}\n{passwords}\n{block}"));
    let config = sandbox.path("nats.conf").display().to_string();
    let server = nats_server::run_program(Path::new("nats-server"), &config);
    sandbox.manifest(&users(server.client_port()));
    let missing = ["error: the secret `MAILER_NATS_PASSWORD` of `mailer` is not given", "hint: set it"];
    sandbox.isles(&["up", "-d"]).code(1).says(&missing);
    let sandbox = sandbox.with_variable("ORDERS_NATS_PASSWORD", "one").with_variable("MAILER_NATS_PASSWORD", "t/wo");
    let wrong = ["error: the secret `MAILER_NATS_PASSWORD`", "does not fit into a URL", "hint: make it of letters"];
    sandbox.isles(&["up", "-d"]).code(1).says(&wrong).never_says("t/wo");
    let sandbox = sandbox.with_variable("MAILER_NATS_PASSWORD", "two");
    sandbox.up();
    let url = format!("NATS_URL=tls://mailer:two@localhost:{}", server.client_port());
    assert!(process::environment(sandbox.pid("mailer")).contains(&url));
    let ack = sandbox.publish("orders", "orders.placed", "order-7", "seq");
    assert!(ack.contains(r#""stream":"orders_placed","#), "{ack}");
    let said = sandbox.publish("mailer", "orders.placed", "order-8", "Violation");
    assert!(said.contains("-ERR 'Permissions Violation for Publish to \"orders.placed\"'"), "{said}");
    let kept = sandbox.publish("mailer", "$KV.sent.a", "1", "seq");
    assert!(kept.contains(r#""stream":"KV_sent","#), "{kept}");
    sandbox.isles(&["status"]).ok().never_says("not enforced").never_says("secret");
    sandbox.isles(&["down"]).ok();
}
