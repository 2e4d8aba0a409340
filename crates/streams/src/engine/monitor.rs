//! What the monitoring shows of the streams.

use journal::Durability;
use serde_json::{Value, json};

use super::{Engine, kept::Kept};
use crate::server::Query;

/// How many streams one page tells of.
const STREAMS_MAX: usize = 1024;
/// The one account that there is, as the reference server calls it.
const ACCOUNT: &str = "$G";

impl Engine {
    pub(super) fn page(&self, page: &str, query: &Query<'_>) -> Option<Value> {
        match page {
            "/jsz" => Some(self.jsz(query)),
            "/healthz" => Some(self.health()),
            _ => None,
        }
    }

    fn jsz(&self, query: &Query<'_>) -> Value {
        let account = self.account();
        let is_always = |kept: &Kept| matches!(kept.durability(), Durability::Always);
        let counts = || self.streams.values().map(|kept| kept.hub.stream.counts());
        let mut page = json!({
            "memory": account.memory,
            "storage": account.storage,
            "reserved_memory": account.reserved_memory,
            "reserved_storage": account.reserved_storage,
            "accounts": 1,
            "api": account.api,
            "config": {
                "max_memory": self.limits.memory_bytes_max,
                "max_storage": self.limits.file_bytes_max,
                "strict": self.limits.is_strict,
                "sync_always": self.streams.values().all(is_always),
            },
            "streams": account.streams,
            "consumers": account.consumers,
            "messages": counts().map(|counts| counts.messages).sum::<u64>(),
            "bytes": counts().map(|counts| counts.bytes).sum::<u64>(),
        });
        if query.is_true("streams") {
            let (offset, limit) = query.range(STREAMS_MAX);
            let streams: Vec<_> = self.names.values().skip(offset).take(limit).collect();
            let details: Vec<_> = streams
                .into_iter()
                .filter_map(|id| self.streams.get(id))
                .map(|kept| self.stream(kept, query))
                .collect();
            page["account_details"] = json!([{ "name": ACCOUNT, "id": ACCOUNT, "stream_detail": details }]);
        }
        page
    }

    fn stream(&self, kept: &Kept, query: &Query<'_>) -> Value {
        let info = self.info(kept);
        let mut detail = json!({ "name": info.config.name, "created": info.created, "state": info.state });
        if query.is_true("config") {
            detail["config"] = json!(info.config);
        }
        detail
    }

    fn health(&self) -> Value {
        if self.is_closed(self.clock.now()) {
            let error = "the last write of the streams has failed";
            return json!({ "status": "unavailable", "status_code": 503, "error": error });
        }
        json!({ "status": "ok" })
    }
}
