//! What is told of an account: what it stores, and what it may store.

use serde::{Deserialize, Serialize};

use super::is_default;

/// The account's bounds; -1 is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct AccountLimits {
    pub max_memory: i64,
    pub max_storage: i64,
    pub max_streams: i64,
    pub max_consumers: i64,
    pub max_ack_pending: i64,
    pub memory_max_stream_bytes: i64,
    pub storage_max_stream_bytes: i64,
    pub max_bytes_required: bool,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            max_memory: -1,
            max_storage: -1,
            max_streams: -1,
            max_consumers: -1,
            max_ack_pending: -1,
            memory_max_stream_bytes: -1,
            storage_max_stream_bytes: -1,
            max_bytes_required: false,
        }
    }
}

/// The use of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiStats {
    /// The level of the API that the server keeps to: 1 is nats-server 2.11, 2 is 2.12.
    pub level: u8,
    /// How many requests there were.
    pub total: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many are being answered.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inflight: u64,
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// Bytes of streams in memory.
    pub memory: u64,
    /// Bytes of streams on disk.
    pub storage: u64,
    /// Bytes that streams in memory may grow to by their configuration.
    pub reserved_memory: u64,
    /// Bytes that streams on disk may grow to by their configuration.
    pub reserved_storage: u64,
    /// How many streams there are.
    pub streams: u64,
    /// How many consumers there are.
    pub consumers: u64,
    /// The bounds.
    pub limits: AccountLimits,
    /// The server's domain, where there is one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub domain: String,
    /// The use of the API.
    pub api: ApiStats,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account() {
        let text = concat!(
            r#"{"memory":0,"storage":33,"reserved_memory":0,"reserved_storage":0,"streams":1,"consumers":2,"#,
            r#""limits":{"max_memory":-1,"max_storage":-1,"max_streams":-1,"max_consumers":-1,"max_ack_pending":-1,"#,
            r#""memory_max_stream_bytes":-1,"storage_max_stream_bytes":-1,"max_bytes_required":false},"#,
            r#""api":{"level":1,"total":4,"errors":1}}"#
        );
        let api = ApiStats { level: 1, total: 4, errors: 1, inflight: 0 };
        let account = AccountInfo { storage: 33, streams: 1, consumers: 2, api, ..AccountInfo::default() };
        assert_eq!(serde_json::to_string(&account).unwrap(), text);
        assert_eq!(serde_json::from_str::<AccountInfo>(text).unwrap(), account);
    }
}
