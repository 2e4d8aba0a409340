//! Topics that come and go with a release: the server of messages, the streams, and what instances may do with them.

use std::{fs, net::SocketAddr};

use model::api::{RolloutPhase, TopicStatus};
use tests::{http, sandbox::Sandbox};

use super::{deploy, say};

/// `orders`, `mailer` and `other`, the first two with these keys.
fn manifest(orders: &str, mailer: &str) -> String {
    let service = |name: &str, keys: &str| {
        format!("[services.{name}]\nrun = \"python3 service.py\"\nartifact = [\"service.py\"]\n{keys}\n")
    };
    let routes =
        ["orders", "mailer", "other"].map(|name| format!("\"/{name}\" = {{ to = \"{name}\", strip = true }}\n"));
    format!(
        "[upgrade]\nmin_healthy_time = \"50ms\"\n[gateway]\nlisten = \"GATEWAY\"\n[gateway.routes]\n{}{}{}{}",
        routes.concat(),
        service("orders", orders),
        service("mailer", mailer),
        service("other", "")
    )
}

fn give(sandbox: &Sandbox, orders: &str, mailer: &str) {
    sandbox.manifest(&manifest(orders, mailer));
    sandbox.isles(&["deploy"]).ok();
}

/// Whether the platform has a thread for messages.
fn serves_messages(sandbox: &Sandbox) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", sandbox.status().platform_pid)).expect("it runs");
    let names = tasks.flatten().map(|task| fs::read_to_string(task.path().join("comm")).unwrap_or_default());
    names.into_iter().any(|name| name.trim() == "nats")
}

#[track_caller]
fn publishes(sandbox: &Sandbox, sequence: u64) {
    let said = sandbox.publish("orders", "orders.placed", "an-order", "seq");
    assert!(said.contains(&format!("\"seq\":{sequence}")), "{said}");
}

/// `mailer` gets the next message.
#[track_caller]
fn consumes(sandbox: &Sandbox) {
    let config = r#"{"stream_name":"orders_placed","config":{"durable_name":"mailer","ack_policy":"none"}}"#;
    sandbox.publish("mailer", "$JS.API.CONSUMER.DURABLE.CREATE.orders_placed.mailer", config, "created");
    let pull = r#"{"batch":1,"expires":20000000000}"#;
    let said = sandbox.publish("mailer", "$JS.API.CONSUMER.MSG.NEXT.orders_placed.mailer", pull, "an-order");
    assert!(said.contains("an-order"), "{said}");
}

#[test]
fn a_running_system_gets_its_first_topic_and_loses_its_last() {
    let sandbox = Sandbox::new(&manifest("", ""));
    sandbox.up();
    let (platform, other) = (sandbox.status().platform_pid, sandbox.pid("other"));
    assert!(!serves_messages(&sandbox), "nobody needs it");

    sandbox.manifest(&manifest("publishes = [\"orders.placed\"]", ""));
    sandbox.isles(&["deploy", "--dry-run"]).ok().says(&["the topic `orders.placed` is new"]);
    assert!(!serves_messages(&sandbox), "nothing is changed");
    give(&sandbox, "publishes = [\"orders.placed\"]", "subscribes = [\"orders.placed\"]\nbuckets = [\"sent\"]");
    publishes(&sandbox, 1);
    consumes(&sandbox);
    assert!(serves_messages(&sandbox));
    let said = sandbox.publish("mailer", "$KV.sent.a", "b", "seq");
    assert!(said.contains("\"stream\":\"KV_sent\""), "{said}");
    assert_eq!((sandbox.status().platform_pid, sandbox.pid("other")), (platform, other), "they did not change");
    sandbox.kill_platform();
    publishes(&sandbox, 2);
    consumes(&sandbox);

    sandbox.manifest(&manifest("", ""));
    sandbox.isles(&["deploy", "--dry-run"]).ok().says(&["`orders.placed` is declared no more; what is in it stays"]);
    sandbox.isles(&["deploy"]).ok();
    assert_eq!(sandbox.typed::<Vec<TopicStatus>>("/v1/topics"), []);
    sandbox.kill_platform();
    assert!(!serves_messages(&sandbox), "nobody needs it any more");

    // The way back needs it again, and nothing was lost.
    sandbox.isles(&["rollback", "--to", "2"]).ok();
    publishes(&sandbox, 3);
    consumes(&sandbox);
    assert_eq!(sandbox.pid("other"), other);
}

const BEFORE: &str = "publishes = [\"orders.placed\"]\n";
const AFTER: &str = "publishes = [\"orders.returned\"]\n";
const BLUE_GREEN: &str = "[services.orders.upgrade]\nstrategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"10m\"\n\
                          min_healthy_time = \"50ms\"\n";

/// What an instance of `orders` may do: publish to the first subject, and not to the second.
#[track_caller]
fn may(instance: SocketAddr, path: &str, allowed: &str, refused: &str) {
    let publish = |subject: &str, until: &str| {
        let said = format!("SUB _INBOX.t 1\r\nPUB {subject} _INBOX.t 2\r\n{{}}\r\n");
        let answer = http::request(instance, "POST", &format!("{path}/nats/{until}"), said.as_bytes());
        answer.unwrap_or_else(|error| panic!("{subject}: {error}")).text()
    };
    let said = publish(allowed, "seq");
    assert!(said.contains(&format!("\"stream\":\"{}\"", allowed.replace('.', "_"))), "{said}");
    let said = publish(refused, "Violation");
    assert!(said.contains(&format!("Permissions Violation for Publish to \"{refused}\"")), "{said}");
}

/// Each connection is a new one. The topic that goes stays until the old release has gone, and the one that comes is there before
/// the first instance of the new one.
#[test]
fn each_instance_has_the_rights_of_its_own_release() {
    let sandbox = Sandbox::new(&manifest(&format!("{BEFORE}{BLUE_GREEN}"), ""));
    sandbox.up();
    sandbox.manifest(&manifest(&format!("{AFTER}{BLUE_GREEN}"), ""));
    deploy(&sandbox);
    let waits = sandbox.rollout_when("a preview", |status| status.paused);
    let preview: SocketAddr = *waits.preview.values().next().expect("there is an address");
    for killed in [false, true] {
        if killed {
            sandbox.kill_platform();
        }
        may(sandbox.gateway, "/orders", "orders.placed", "orders.returned");
        may(preview, "", "orders.returned", "orders.placed");
    }
    say(&sandbox, "promote");
    sandbox.rollout_when("the old set to be kept", |status| status.phase == RolloutPhase::Keeping);
    may(sandbox.gateway, "/orders", "orders.returned", "orders.placed");
    assert_eq!(sandbox.api("POST", "/v1/rollbacks", "{}").status, 202);
    assert_eq!(sandbox.rollout_ended().phase, RolloutPhase::RolledBack);
    may(sandbox.gateway, "/orders", "orders.placed", "orders.returned");

    give(&sandbox, AFTER, "");
    may(sandbox.gateway, "/orders", "orders.returned", "orders.placed");
    give(&sandbox, BEFORE, "");
    may(sandbox.gateway, "/orders", "orders.placed", "orders.returned");
}
