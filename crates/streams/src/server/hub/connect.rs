//! What a client says in `CONNECT`, and the server in `INFO`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::server::{API_LEVEL, Config, config::PROTOCOL_VERSION};

/// The options of `CONNECT` that matter here.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Options {
    /// Each operation is answered `+OK`.
    pub(crate) verbose: bool,
    /// Subjects of messages are looked at.
    pub(crate) pedantic: bool,
    /// Its own messages come back to it.
    pub(crate) echo: bool,
    /// It reads `HMSG`.
    pub(crate) headers: bool,
    /// It wants to know when nobody answers.
    pub(crate) no_responders: bool,
    /// 1: it reads `INFO` at any time.
    pub(crate) protocol: i64,
    pub(crate) user: String,
    pub(crate) pass: String,
    pub(crate) auth_token: String,
    pub(crate) name: String,
    pub(crate) lang: String,
    pub(crate) version: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            echo: true,
            headers: false,
            no_responders: false,
            protocol: 0,
            user: String::new(),
            pass: String::new(),
            auth_token: String::new(),
            name: String::new(),
            lang: String::new(),
            version: String::new(),
        }
    }
}

impl Options {
    /// Reads the JSON of `CONNECT`; `None` if it is wrong. What is left out stays as it was, and so does what is `null`: some clients
    /// write all they know of.
    pub(crate) fn parse(&self, json: &[u8]) -> Option<Self> {
        let mut said: Map<String, Value> = serde_json::from_slice(json).ok()?;
        said.retain(|_, value| !value.is_null());
        let mut all = serde_json::to_value(self).ok()?;
        all.as_object_mut()?.extend(said);
        serde_json::from_value(all).ok()
    }
}

/// What `INFO` says.
#[derive(Debug, Serialize)]
pub(crate) struct Info<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'a str,
    git_commit: &'a str,
    proto: u8,
    host: &'a str,
    port: u16,
    headers: bool,
    max_payload: usize,
    jetstream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_lvl: Option<u8>,
    client_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    auth_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_available: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_verify: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ldm: bool,
}

/// What stands in `git_commit`: whose server this is.
const OWN_VERSION: &str = concat!("isles-", env!("CARGO_PKG_VERSION"));

impl<'a> Info<'a> {
    pub(crate) fn new(config: &'a Config, server_id: &'a str, client: &super::client::Client, ldm: bool) -> Self {
        let tls = config.tls.as_ref().filter(|_| client.tls);
        Self {
            server_id,
            server_name: &config.server_name,
            version: PROTOCOL_VERSION,
            git_commit: OWN_VERSION,
            proto: 1,
            host: &config.host,
            port: config.port,
            headers: true,
            max_payload: config.payload_bytes_max,
            jetstream: config.jetstream,
            api_lvl: config.jetstream.then_some(API_LEVEL),
            client_id: client.origin.client,
            client_ip: client.peer.map(|peer| peer.ip().to_string()),
            auth_required: config.auth.is_required() && !client.known,
            tls_required: tls.is_some_and(|tls| !tls.is_optional),
            tls_available: tls.is_some_and(|tls| tls.is_optional),
            tls_verify: tls.is_some_and(|tls| tls.verify),
            ldm,
        }
    }
}
