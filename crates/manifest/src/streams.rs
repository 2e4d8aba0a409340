//! `[streams]`: what keeps topics, buckets and object stores.

use crate::{keys::STREAMS, read::Cx, table::Table};

const ENGINES: [(&str, ()); 1] = [("embedded", ())];

/// Reports an engine that cannot be used; the only one so far is the embedded one.
pub(crate) fn check<'a>(cx: &mut Cx<'a>, root: &Table<'a>) {
    let table = root.get("streams").and_then(|entry| cx.table(&entry, "streams".into()));
    let Some(table) = table else { return };
    table.check_keys(cx, &STREAMS);
    let Some(engine) = table.get("engine").and_then(|entry| cx.text(&entry, "\"embedded\"")) else { return };
    if engine.value == "nats" {
        cx.planned(&engine.span, "nats", "external engines are not built yet", "write \"embedded\" for now");
    } else {
        cx.choice(&engine, "engine of streams", &ENGINES);
    }
}
