//! Values for tests, written as the API writes them.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use model::{Timestamp, spec::System, status::SystemStatus};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const NOW: Timestamp = Timestamp(200_000_000);

pub(crate) fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A service with its phase, its healthy instances and those asked for.
pub(crate) fn service(name: &str, phase: &str, healthy: u32, replicas: u32) -> Value {
    json!({
        "name": name, "phase": phase, "healthy": healthy, "replicas": replicas, "inbound": "open", "calls": [], "instances": [],
    })
}

/// The same value with these fields set.
pub(crate) fn with(mut value: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("not an object: {fields}") };
    value.as_object_mut().unwrap().extend(fields);
    value
}

/// A topic with these fields set.
pub(crate) fn topic(name: &str, fields: Value) -> Value {
    let value = json!({
        "name": name, "stream": name.replace('.', "_"), "publishers": ["orders"], "subscribers": ["mailer", "stats"],
        "messages": 0, "bytes": 0, "first_sequence": 0, "last_sequence": 0, "retention": "limits",
        "bytes_max": 1 << 30, "age_max_ms": 604_800_000, "durability": "always", "dead": 0,
        "consumers": [],
    });
    with(value, fields)
}

/// A durable consumer with these fields set.
pub(crate) fn consumer(name: &str, fields: Value) -> Value {
    let value = json!({
        "name": name, "service": name, "durable": true, "delivered_sequence": 0, "pending": 0, "unacknowledged": 0,
        "redelivered": 0, "paused": false, "dead": 0,
    });
    with(value, fields)
}

pub(crate) fn system_json(phase: &str, services: Value) -> Value {
    json!({
        "name": "shop", "version": "0.1.0", "phase": phase, "keeper_pid": 4242, "platform_pid": 4243,
        "started_at": 199_000_000, "up_since": 8_000_000, "gateway": "127.0.0.1:8080", "services": services,
    })
}

pub(crate) fn system(phase: &str, services: Value) -> SystemStatus {
    from(system_json(phase, services))
}

pub(crate) fn manifest(text: &str) -> System {
    let parsed = manifest::parse(text, &manifest::Memory::default());
    parsed.system.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
}

/// What was written, to be read while it is written.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
