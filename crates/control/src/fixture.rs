//! Values for tests, written as the API writes them.

use model::figures::ConnectionFigures;
use serde_json::{Value, json};

/// The figures of a connection `CALLER -> CALLEE` or `CALLER ROUTE -> CALLEE`: nothing happened but these fields.
pub(crate) fn figures(connection: &str, fields: Value) -> ConnectionFigures {
    let (caller, callee) = connection.rsplit_once(" -> ").unwrap();
    let mut value = json!({
        "connection": connection, "caller": caller.split(' ').next(), "callee": callee, "requests": 0,
        "outcomes": { "success": 0, "client_error": 0, "server_error": 0, "failed": 0, "cancelled": 0 },
        "reasons": {}, "bytes_received": 0, "bytes_sent": 0, "retries": 0, "hedges": 0, "in_flight": 0, "queued": 0,
        "breaker": "closed", "requests_by_worker": [],
        "latency": {
            "count": 0, "sum_micros": 0, "p50_micros": 0, "p90_micros": 0, "p99_micros": 0, "max_micros": 0, "buckets": [],
        },
    });
    let Value::Object(fields) = fields else { panic!("not an object: {fields}") };
    value.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(value).unwrap()
}
