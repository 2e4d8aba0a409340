//! Values, and what they are read as.

use std::{net::IpAddr, rc::Rc, time::Duration};

use super::error::{ConfError, Place};
use crate::jetstream::Nanos;

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) item: Item,
    /// Whether another value refers to it: then it need be no key of the server.
    pub(super) is_variable: bool,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Its key, with the keys around it: `tls.cert_file`.
    pub(super) name: Rc<str>,
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    List(Vec<Item>),
    Map(Vec<Entry>),
}

/// The units of sizes: thousands without, 1024 with `b` or `i` behind the letter.
const UNITS: [(&str, u64); 12] = [
    ("k", 1_000),
    ("kb", 1 << 10),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
];

impl Item {
    /// That this key, or its value, is not possible.
    pub(super) fn refuse(&self, why: &str, hint: impl Into<String>) -> ConfError {
        ConfError::new(&self.place, format!("`{}`: {why}", self.name), hint)
    }

    fn wrong(&self, what: &str, hint: &str) -> ConfError {
        match &self.value {
            Value::Text(text) => self.refuse(&format!("`{text}` is no {what}"), hint),
            Value::List(_) => self.refuse(&format!("a list is no {what}"), hint),
            Value::Map(_) => self.refuse(&format!("a map is no {what}"), hint),
        }
    }

    pub(super) fn text(&self) -> Result<&str, ConfError> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong("text", "write one value")),
        }
    }

    pub(super) fn map(self) -> Result<Vec<Entry>, ConfError> {
        match self.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(self.wrong("map", "write `{ … }`")),
        }
    }

    pub(super) fn list(self) -> Result<Vec<Self>, ConfError> {
        match self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong("list", "write `[ … ]`")),
        }
    }

    /// One text, or a list of them.
    pub(super) fn texts(&self) -> Result<Vec<(&str, &Self)>, ConfError> {
        match &self.value {
            Value::List(items) => items.iter().map(|item| Ok((item.text()?, item))).collect(),
            _ => Ok(vec![(self.text()?, self)]),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, ConfError> {
        match self.text().unwrap_or_default().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err(self.wrong("truth value", "write true or false")),
        }
    }

    /// A number, of bytes say.
    pub(super) fn size(&self) -> Result<u64, ConfError> {
        self.as_size().ok_or_else(|| self.wrong("size", "give a number, or one with a unit: 64MiB"))
    }

    fn as_size(&self) -> Option<u64> {
        let text = self.text().ok()?.to_ascii_lowercase();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = if unit.is_empty() { 1 } else { UNITS.iter().find(|(name, _)| *name == unit)?.1 };
        number.parse::<u64>().ok()?.checked_mul(unit)
    }

    /// A number that fits into this type.
    pub(super) fn number<N: TryFrom<u64>>(&self) -> Result<N, ConfError> {
        let number = self.size()?;
        N::try_from(number).map_err(|_| self.wrong("number that fits", "give a smaller one"))
    }

    /// A number of things, at least one.
    pub(super) fn count(&self) -> Result<i64, ConfError> {
        let number = self.as_size().and_then(|number| i64::try_from(number).ok()).filter(|number| *number > 0);
        number.ok_or_else(|| self.wrong("number of things", "give a number from 1 on"))
    }

    /// A bound: -1, and what `also` says, is none.
    pub(super) fn bound(&self, also: Option<u64>) -> Result<usize, ConfError> {
        if self.text() == Ok("-1") {
            return Ok(usize::MAX);
        }
        let number = self.number()?;
        Ok(if also == Some(number as u64) { usize::MAX } else { number })
    }

    /// A span of time: `2s`, `1m30s`, or a number of seconds.
    pub(super) fn duration(&self) -> Result<Duration, ConfError> {
        self.as_duration().ok_or_else(|| self.wrong("span of time", "give one such as 2s or 1m30s"))
    }

    fn as_duration(&self) -> Option<Duration> {
        let text = self.text().ok()?;
        match text.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => u64::try_from(Nanos::parse(text)?.0).ok().map(Duration::from_nanos),
        }
    }

    /// A port; -1 is any that is free.
    pub(super) fn port(&self) -> Result<u16, ConfError> {
        parse_port(self.text()?).ok_or_else(|| self.wrong("port", PORT_HINT))
    }

    pub(super) fn host(&self) -> Result<IpAddr, ConfError> {
        parse_host(self.text()?).ok_or_else(|| self.wrong("IP address", "give one such as 127.0.0.1, or localhost"))
    }

    /// `HOST:PORT`, or a port alone.
    pub(super) fn address(&self) -> Result<(Option<IpAddr>, u16), ConfError> {
        let text = self.text()?;
        let (host, port) = text.rsplit_once(':').map_or((None, text), |(host, port)| (Some(host), port));
        let parsed = host.map(parse_host).map_or(Some(None), |host| host.map(Some)).zip(parse_port(port));
        parsed.ok_or_else(|| self.wrong("address", "give one such as 127.0.0.1:4222"))
    }
}

const PORT_HINT: &str = "give a number from 1 to 65535, or -1 for any that is free";

fn parse_port(text: &str) -> Option<u16> {
    if text == "-1" { Some(0) } else { text.parse().ok() }
}

fn parse_host(text: &str) -> Option<IpAddr> {
    match text.trim_start_matches('[').trim_end_matches(']') {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        text => text.parse().ok(),
    }
}
