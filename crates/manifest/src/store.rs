//! `store`: the data that a service owns.

use std::path::PathBuf;

use model::spec::{Store, StoreEngine};

use crate::{
    FileKind,
    keys::STORE,
    nearest::nearest,
    paths,
    read::Cx,
    table::{At, Entry},
};

const LATER: [&str; 6] = ["postgres", "postgresql", "mysql", "redis", "nats", "mongodb"];

/// The store, and the place of its path.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> (Option<Store>, Option<At<PathBuf>>) {
    if !entry.value.is_table() {
        let engine = engine(cx, entry);
        return (engine.map(|engine| Store { engine, path: None }), None);
    }
    let Some(table) = cx.table(entry, name) else { return (None, None) };
    table.check_keys(cx, &STORE);
    let engine = match table.get("engine") {
        Some(entry) => engine(cx, &entry),
        None => {
            let finding = cx.report.error(&entry.key_span, "the store has no engine");
            finding.hint("add `engine = \"sqlite\"`").absence();
            None
        }
    };
    let path = table.get("path").and_then(|entry| path(cx, &entry));
    (engine.map(|engine| Store { engine, path: path.as_ref().map(|at| at.value.clone()) }), path)
}

fn engine<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<StoreEngine> {
    let text = cx.text(entry, "\"sqlite\"")?;
    match text.value {
        "sqlite" => return Some(StoreEngine::Sqlite),
        later if LATER.contains(&later) => {
            cx.planned(&text.span, later, "the only store built so far is `sqlite`", "write \"sqlite\" for now");
        }
        other => {
            let hint = match nearest(other, ["sqlite"]) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write \"sqlite\"; for a file of your own, `{ engine = \"sqlite\", path = \"data/users.db\" }`"
                    .into(),
            };
            cx.report.error(&text.span, format!("there is no store engine `{other}`")).hint(hint);
        }
    }
    None
}

fn path<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<At<PathBuf>> {
    let text = cx.text(entry, "\"data/users.db\"")?;
    let path = paths::inside(cx, &text, "path")?;
    if cx.folder.kind(&path) == FileKind::Folder {
        let hint = format!("name the file: \"{}\"", path.join("data.db").display());
        cx.report.error(&text.span, format!("the store's path `{}` is a folder", text.value)).hint(hint);
    }
    Some(At { value: path, span: text.span })
}
