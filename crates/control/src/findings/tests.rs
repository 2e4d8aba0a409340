use serde_json::{Value, json};

use super::*;
use crate::fixture::figures;

#[track_caller]
fn check(figures: &[ConnectionFigures], expected: &[(bool, &str)]) {
    check_with(figures, &[], expected);
}

#[track_caller]
fn check_with(figures: &[ConnectionFigures], entries: &[EntryFigures], expected: &[(bool, &str)]) {
    let found = of(&"users".parse().unwrap(), figures, entries);
    let shown: Vec<_> = found.iter().map(|f| (f.now, format!("{}: {}", f.connection, f.what))).collect();
    let expected: Vec<_> = expected.iter().map(|(now, text)| (*now, (*text).to_owned())).collect();
    assert_eq!(shown, expected);
    assert!(found.iter().all(|finding| !finding.hint.is_empty()), "{found:?}");
}

fn orders(fields: Value) -> ConnectionFigures {
    figures("orders -> users", fields)
}

#[test]
fn each_state_and_count_is_told() {
    let streams = json!({ "requests": 9, "in_flight": 1024, "concurrency": 3, "concurrency_limit": 4 });
    check(&[orders(streams)], &[]);
    for (fields, expected) in [
        (json!({ "breaker": "open" }), (true, "orders -> users: the breaker is open: requests are refused")),
        (
            json!({ "ejected": ["users/1#2"] }),
            (true, "users: users/1#2 gets no requests for now: too many failed there"),
        ),
        (
            json!({ "ejected": ["users/1#2", "users/3#1"] }),
            (true, "users: users/1#2, users/3#1 get no requests for now: too many failed there"),
        ),
        (json!({ "queued": 7, "in_flight": 3 }), (true, "orders -> users: 7 waiting, 3 in flight")),
        (
            json!({ "in_flight": 1, "concurrency": 4, "concurrency_limit": 4 }),
            (true, "orders -> users: 0 waiting, 1 in flight, 4 of 4 not answered yet"),
        ),
        (
            json!({ "requests": 9, "reasons": { "rate-limited": 2 } }),
            (false, "orders -> users: 2 of 9 requests: rate-limited, more requests came than the rate allows"),
        ),
    ] {
        check(&[orders(fields)], &[expected]);
    }
}

#[test]
fn no_hint_leads_back_to_where_it_stands() {
    let hint = |connection: &str, reason: Reason| {
        let figures = figures(connection, json!({ "requests": 9, "reasons": { reason.code(): 2 } }));
        of(&"users".parse().unwrap(), &[figures], &[]).remove(0).hint
    };
    for reason in Reason::ALL {
        let hint = hint("orders -> users", *reason);
        assert!(!hint.contains("isles why") && !hint.contains("SERVICE"), "{hint}");
    }
    for reason in [Reason::NoUpstream, Reason::NotReady, Reason::BreakerOpen] {
        assert_eq!(hint("users -> stock", reason), "run `isles why stock`");
    }
}

#[test]
fn what_the_gateway_refused_is_told_of_what_it_leads_to() {
    let refused = |entry: &str, reason| EntryFigures { entry: entry.into(), refused: [(reason, 3)].into() };
    let entries = [refused("gateway", Reason::NoRoute), refused("undeclared", Reason::NotDeclared)];
    for (connection, expected) in [
        (
            "gateway -> users",
            &[(false, "gateway: 3 refused before a route was known: no-route, no route fits this host and path")][..],
        ),
        ("gateway -> stock", &[]),
        ("orders -> users", &[]),
    ] {
        check_with(&[figures(connection, json!({}))], &entries, expected);
    }
}

#[test]
fn the_most_important_comes_first() {
    let none = json!({ "success": 0, "client_error": 0, "server_error": 0, "failed": 0, "cancelled": 0 });
    let mut failing = none;
    failing["server_error"] = json!(5);
    let reasons = json!({ "breaker-open": 40, "reset": 3, "timeout": 1, "queue-full": 2 });
    let broken = orders(json!({
        "requests": 90, "breaker": "probing", "queued": 1, "outcomes": failing, "reasons": reasons,
    }));
    let own = figures("users -> stock", json!({ "breaker": "open", "reasons": { "no-upstream": 70 } }));
    check(
        &[broken, own],
        &[
            (
                true,
                "orders -> users: the breaker is open: one request tries whether the service works again \
                 (after 5 answers with 5xx, 3 reset, 1 timeout)",
            ),
            (true, "orders -> users: 1 waiting, 0 in flight"),
            (true, "users -> stock: the breaker is open: requests are refused"),
            (
                false,
                "orders -> users: 40 of 90 requests: breaker-open, the service failed too often and is given a rest",
            ),
            (false, "orders -> users: 5 of 90 requests were answered with 5xx by users"),
            (
                false,
                "orders -> users: 3 of 90 requests: reset, the instance closed the connection before its answer was whole",
            ),
            (
                false,
                "orders -> users: 2 of 90 requests: queue-full, too many requests wait for an instance, or for a connection to one",
            ),
            (false, "users -> stock: 70 of 0 requests: no-upstream, the service has no healthy instance"),
        ],
    );
}

#[test]
fn however_many_connections_the_list_is_bounded() {
    let fields = json!({ "breaker": "open", "reasons": { "reset": 3 } });
    let many: Vec<_> = (0..99).map(|i| figures(&format!("c{i} -> users"), fields.clone())).collect();
    let found = of(&"users".parse().unwrap(), &many, &[]);
    let now = found.iter().take_while(|finding| finding.now).count();
    assert_eq!((now, found.len()), (FINDINGS_MAX, 2 * FINDINGS_MAX), "what was counted has its own room");
}

#[test]
fn an_ejected_instance_is_told_once_however_many_connections_lead_to_it() {
    let many = |i: u32| figures(&format!("gateway /{i} -> users"), json!({ "ejected": ["users/1#2"] }));
    let mut all: Vec<_> = (0..30).map(many).collect();
    all.push(orders(json!({ "requests": 9, "ejected": ["users/1#2", "users/2#1"], "reasons": { "reset": 1 } })));
    all.push(figures("users -> stock", json!({ "ejected": ["stock/1#1"] })));
    check(
        &all,
        &[
            (true, "users: users/1#2, users/2#1 get no requests for now: too many failed there"),
            (true, "stock: stock/1#1 gets no requests for now: too many failed there"),
            (
                false,
                "orders -> users: 1 of 9 requests: reset, the instance closed the connection before its answer was whole",
            ),
        ],
    );
}

#[test]
fn dead_letters_of_its_own_consumers() {
    let consumer = |name: &str, service: &str, dead: u64| {
        json!({
            "name": name, "service": service, "durable": true, "delivered_sequence": 0, "pending": 0,
            "unacknowledged": 0, "redelivered": 0, "paused": false, "dead": dead,
        })
    };
    let topic = json!({
        "name": "orders.placed", "stream": "orders_placed", "publishers": [], "subscribers": [], "messages": 9, "bytes": 0,
        "first_sequence": 1, "last_sequence": 9, "retention": "limits", "dead": 4,
        "consumers": [consumer("mailer", "mailer", 1), consumer("mailer-2", "mailer", 0), consumer("stats", "stats", 3)],
    });
    let found = dead_letters(&"mailer".parse().unwrap(), &[serde_json::from_value(topic).unwrap()]);
    let said: Vec<_> = found.iter().map(|finding| (finding.now, &*finding.connection, &*finding.what)).collect();
    assert_eq!(
        said,
        [(
            true,
            "orders.placed -> mailer",
            "1 message is dead: not acknowledged however often delivered, or terminated"
        )]
    );
    assert!(found[0].hint.contains("`isles topic dead replay orders.placed --all`"));
}
