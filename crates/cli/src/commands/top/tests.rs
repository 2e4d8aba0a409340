//! What is shown of two moments, by exact expectation.

use serde_json::{Value, json};

use super::*;
use crate::{fixture::from, paint::Paint, terminal::Size};

const PLAIN: Paint = Paint { on: false };

fn figures(connection: &str, requests: u64, failed: u64, fields: Value) -> ConnectionFigures {
    let (caller, callee) = connection.rsplit_once(" -> ").unwrap();
    let value = json!({
        "connection": connection, "caller": caller, "callee": callee, "requests": requests,
        "outcomes": {
            "success": requests - failed, "client_error": 0, "server_error": failed, "failed": 0, "cancelled": 0,
        },
        "reasons": {}, "bytes_received": 0, "bytes_sent": 0, "retries": failed, "hedges": 0, "in_flight": 0, "queued": 0,
        "breaker": "closed", "requests_by_worker": [requests],
        "latency": {
            "count": requests, "sum_micros": 0, "p50_micros": 0, "p90_micros": 0, "p99_micros": 0,
            "max_micros": 8_000, "buckets": [[1_000, requests - failed], [8_000, requests]],
        },
    });
    from(crate::fixture::with(value, fields))
}

fn sample() -> Sample {
    let before = [
        figures("gateway -> orders", 100, 0, json!({})),
        figures("orders -> users", 50, 50, json!({})),
        figures("orders -> stock", 7, 0, json!({})),
        figures("orders -> again", 1_000, 0, json!({})),
    ];
    let after = [
        figures("gateway -> orders", 1_100, 0, json!({ "in_flight": 3 })),
        figures("orders -> again", 4, 0, json!({})),
        figures("orders -> new", 2, 0, json!({})),
        figures("orders -> stock", 7, 0, json!({ "queued": 2, "breaker": "open" })),
        figures("orders -> users", 90, 60, json!({ "ejected": ["users/1#2", "users/2#1"] })),
    ];
    Sample::between(&before, &after, 2.0)
}

#[test]
fn a_table_of_differences() {
    let expected = "\
CONNECTION         REQ/S  P50    P99    ERRORS  RETRY/S  IN FLIGHT  QUEUED  BREAKER  EJECTED
gateway -> orders  500    500us  990us  0%      0        3          0       closed   -
orders -> users    20     666us  8.0ms  25.0%   5.0      0          0       closed   users/1#2,users/2#1
orders -> again    2.0    500us  1.0ms  0%      0        0          0       closed   -
orders -> new      1.0    500us  1.0ms  0%      0        0          0       closed   -
orders -> stock    0      -      -      -       0        0          2       open     -
";
    assert_eq!(table::render(&sample(), None, PLAIN), expected);
}

#[test]
fn what_clients_do_wrong_is_no_error() {
    let outcomes =
        json!({ "success": 5, "client_error": 1, "server_error": 1, "failed": 12, "cancelled": 1, "refused": 30 });
    let reasons =
        json!({ "body-too-large": 5, "rate-limited": 4, "timeout": 2, "breaker-open": 1, "not-attested": 30 });
    let after = figures("gateway -> orders", 50, 0, json!({ "outcomes": outcomes, "reasons": reasons }));
    let sample = Sample::between(&[figures("gateway -> orders", 0, 0, json!({}))], &[after], 1.0);
    assert_eq!(sample.connections[0].errors_percent, Some(20.0), "1 and 3 of 20");
    let strangers =
        json!({ "success": 0, "client_error": 0, "server_error": 0, "failed": 0, "cancelled": 0, "refused": 9 });
    let strangers =
        figures("orders -> users", 9, 0, json!({ "outcomes": strangers, "reasons": { "not-attested": 9 } }));
    assert_eq!(Sample::between(&[], &[strangers], 1.0).connections[0].errors_percent, None);
}

#[test]
fn a_screen_has_room_for_the_busiest() {
    let lines = table::screen(&sample(), Size { columns: 40, rows: 6 }, PLAIN);
    let expected = [
        "5 connections, 523 requests a second; q\u{2026}",
        "CONNECTION         REQ/S  P50    P99",
        "gateway -> orders  500    500us  990us",
        "orders -> users    20     666us  8.0ms",
        "and 3 more",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn topics_have_a_line() {
    let sample = Sample { topics: Some(Cell::plain("1 topic, 7 messages; 2 dead letters")), ..sample() };
    let lines = table::screen(&sample, Size { columns: 40, rows: 6 }, PLAIN);
    let expected = [
        "5 connections, 523 requests a second; q\u{2026}",
        "topics  1 topic, 7 messages; 2 dead let\u{2026}",
        "CONNECTION         REQ/S  P50    P99",
        "gateway -> orders  500    500us  990us",
        "and 4 more",
    ];
    assert_eq!(lines, expected);
    let table = table::render(&sample, None, PLAIN);
    assert!(table.ends_with("open     -\n\ntopics  1 topic, 7 messages; 2 dead letters\n"), "{table}");
}

#[test]
fn json() {
    let value = serde_json::to_value(sample()).unwrap();
    let expected = json!({
        "connection": "orders -> users", "requests_per_second": 20.0, "p50_micros": 666, "p99_micros": 8000,
        "errors_percent": 25.0, "retries_per_second": 5.0, "in_flight": 0, "queued": 0, "breaker": "closed",
        "ejected": ["users/1#2", "users/2#1"],
    });
    assert_eq!((&value["seconds"], &value["connections"][1]), (&json!(2.0), &expected));
    assert_eq!(value["connections"][4]["p50_micros"], Value::Null);
}
