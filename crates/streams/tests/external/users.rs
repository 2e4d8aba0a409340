//! `isles nats-users`, loaded by real servers: what is granted works, and the rest is refused.

use std::{fs, path::PathBuf, time::Duration};

use model::{
    ServiceName,
    spec::{Nats, Service, System, Topic},
};
use nats_server::Server;
use streams::External;
use tokio::time::timeout;

/// How long a request waits that nobody answers, because it does not arrive.
const SILENCE: Duration = Duration::from_millis(300);

/// `orders` publishes; `mailer` subscribes and owns a bucket and an object store; `audit` subscribes.
fn system() -> System {
    let topics = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let orders = Service { publishes: topics(&["orders.placed"]), ..Service::new("x") };
    let mailer = Service {
        subscribes: topics(&["orders.placed"]),
        buckets: ["sent".parse().unwrap()].into(),
        objects: ["mails".parse().unwrap()].into(),
        ..Service::new("x")
    };
    let audit = Service { subscribes: topics(&["orders.placed"]), ..Service::new("x") };
    let idle = Service::new("x");
    let services = [("orders", orders), ("mailer", mailer), ("audit", audit), ("idle", idle)];
    System {
        services: services.map(|(name, service)| (name.parse::<ServiceName>().unwrap(), service)).into(),
        topics: [("orders.placed".parse().unwrap(), Topic::default())].into(),
        nats: Some(Nats { url: "nats://isles:secret@localhost".parse().unwrap(), ca: None, users: true }),
        ..System::new("shop".parse().unwrap())
    }
}

/// A server with these users and the streams of the system.
async fn start(program: PathBuf) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nats.conf");
    // In place of the server's environment.
    let passwords = "NATS_PASSWORD: secret\nORDERS_NATS_PASSWORD: o\nMAILER_NATS_PASSWORD: m\nAUDIT_NATS_PASSWORD: a";
    let users = streams::nats_users(&system()).unwrap();
    fs::write(&file, format!("host: 127.0.0.1\njetstream: enabled\n{passwords}\n{users}")).unwrap();
    let server = nats_server::run_program(&program, &file.display().to_string());
    let url = server.client_url_with("isles", "secret").parse().unwrap();
    let topics = External::connect(&url, None).await.unwrap().topics();
    for mut stream in system().streams() {
        stream.allow_msg_ttl = false;
        topics.ensure(stream).await.unwrap();
    }
    (server, folder)
}

/// Whether a request is answered without an error.
async fn works(client: &async_nats::Client, subject: &str, body: &str) -> bool {
    let answer = timeout(SILENCE, client.request(subject.to_owned(), body.to_owned().into())).await;
    answer
        .is_ok_and(|answer| answer.is_ok_and(|answer| !String::from_utf8_lossy(&answer.payload).contains("\"error\"")))
}

async fn check(program: PathBuf) {
    let (server, _folder) = start(program).await;
    let connect = async |user: &str| {
        let options = async_nats::ConnectOptions::with_user_and_password(user.into(), user[..1].into());
        options.connect(server.client_url()).await
    };
    let (orders, mailer, audit) =
        (connect("orders").await.unwrap(), connect("mailer").await.unwrap(), connect("audit").await.unwrap());
    let durable = |name: &str| {
        format!(r#"{{"stream_name":"orders_placed","config":{{"durable_name":"{name}","ack_policy":"explicit"}}}}"#)
    };
    let bucket =
        |name: &str| format!(r#"{{"stream_name":"{name}","config":{{"durable_name":"any","ack_policy":"none"}}}}"#);
    let named =
        r#"{"stream_name":"orders_placed","config":{"name":"audit","durable_name":"audit","ack_policy":"explicit"}}"#;
    let mut delivered = mailer.subscribe("_INBOX.mine.1").await.unwrap();
    for (who, subject, body, expected) in [
        (&orders, "orders.placed", "1", true),
        (&orders, "$JS.API.INFO", "", true),
        (&orders, "$JS.API.STREAM.NAMES", "", true),
        (&orders, "$JS.API.STREAM.INFO.orders_placed", "", true),
        (&orders, "$KV.sent.a", "1", false),
        (&orders, "$JS.API.STREAM.INFO.KV_sent", "", false),
        (&orders, "$JS.API.STREAM.MSG.GET.orders_placed", r#"{"seq":1}"#, false),
        (&orders, "$JS.API.CONSUMER.DURABLE.CREATE.orders_placed.orders", &durable("orders"), false),
        (&orders, "$JS.API.STREAM.LIST", "", false),
        (&mailer, "orders.placed", "1", false),
        (&mailer, "$JS.API.STREAM.MSG.GET.orders_placed", r#"{"seq":1}"#, true),
        (&mailer, "$JS.API.DIRECT.GET.orders_placed.orders.placed", "", true),
        (&mailer, "$JS.API.CONSUMER.DURABLE.CREATE.orders_placed.mailer", &durable("mailer"), true),
        (&audit, "$JS.API.CONSUMER.CREATE.orders_placed.audit", named, true),
        (&mailer, "$JS.API.CONSUMER.DURABLE.CREATE.orders_placed.audit", &durable("audit"), false),
        (&mailer, "$JS.API.CONSUMER.DELETE.orders_placed.audit", "", false),
        (&mailer, "$JS.API.CONSUMER.MSG.NEXT.orders_placed.audit", "1", false),
        (&mailer, "$JS.API.CONSUMER.INFO.orders_placed.mailer", "", true),
        (&mailer, "$JS.API.CONSUMER.LIST.orders_placed", "", false),
        (&mailer, "$JS.API.STREAM.PURGE.orders_placed", "", false),
        (&mailer, "$JS.API.STREAM.MSG.DELETE.orders_placed", r#"{"seq":1}"#, false),
        (&mailer, "$JS.API.STREAM.DELETE.orders_placed", "", false),
        (&mailer, "$JS.API.STREAM.CREATE.mine", r#"{"name":"mine"}"#, false),
        (&mailer, "$KV.sent.a", "1", true),
        (&mailer, "$O.mails.M.x", "1", true),
        (&mailer, "$JS.API.DIRECT.GET.KV_sent.$KV.sent.a", "", true),
        (&mailer, "$JS.API.CONSUMER.DURABLE.CREATE.KV_sent.any", &bucket("KV_sent"), true),
        (&mailer, "$JS.API.CONSUMER.LIST.KV_sent", "", true),
        (&mailer, "$JS.API.STREAM.PURGE.KV_sent", "", true),
        (&mailer, "$JS.API.STREAM.DELETE.KV_sent", "", false),
        (&mailer, "$JS.API.STREAM.UPDATE.KV_sent", r#"{"name":"KV_sent"}"#, false),
        (&audit, "$KV.sent.a", "1", false),
        (&audit, "$JS.API.STREAM.INFO.KV_sent", "", false),
    ] {
        assert_eq!(works(who, subject, body).await, expected, "{subject} {body}");
    }
    // A message is pulled and acknowledged.
    let next = "$JS.API.CONSUMER.MSG.NEXT.orders_placed.mailer";
    mailer.publish_with_reply(next, "_INBOX.mine.1", "1".into()).await.unwrap();
    let message = timeout(SILENCE, futures_util::StreamExt::next(&mut delivered)).await.unwrap().unwrap();
    let ack = message.reply.unwrap();
    assert!(!works(&audit, &ack, "+ACK").await, "the acknowledgement of another's");
    assert!(works(&mailer, &ack, "+ACK").await);
    let info = mailer.request("$JS.API.CONSUMER.INFO.orders_placed.mailer", "".into()).await.unwrap();
    assert!(String::from_utf8_lossy(&info.payload).contains("\"num_ack_pending\":0"), "{info:?}");
    assert!(connect("idle").await.is_err(), "who has nothing to do with messages");
}

#[tokio::test]
async fn debian_nats_server_keeps_services_to_their_rights() {
    check("nats-server".into()).await;
}

#[tokio::test]
async fn the_pinned_nats_server_keeps_services_to_their_rights() {
    check(nats_server::pinned()).await;
}
