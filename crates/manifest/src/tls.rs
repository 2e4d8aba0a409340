//! `tls` of `[gateway]`: the certificate that clients see.

use std::path::{Path, PathBuf};

use model::spec::Tls;

use crate::{
    FileKind,
    keys::TLS,
    paths,
    read::Cx,
    table::{Entry, Table},
};

const EXAMPLE: &str = "`tls = \"development\"` or `tls = { cert = \"cert.pem\", key = \"key.pem\" }`";

/// The certificate, if it is given.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Tls> {
    if entry.value.is_table() {
        let table = cx.table(entry, "gateway.tls".into())?;
        table.check_keys(cx, &TLS);
        let (cert, key) = (file(cx, &table, "cert"), file(cx, &table, "key"));
        return Some(Tls::Files { cert: cert?, key: key? });
    }
    match entry.value.as_str() {
        Some("development") => Some(Tls::Development),
        Some(other) => {
            let finding = cx.report.error(&entry.span, format!("there is no certificate `{other}`"));
            finding.hint(format!("write {EXAMPLE}"));
            None
        }
        None => {
            cx.wrong_type(entry, "a string or a table", EXAMPLE);
            None
        }
    }
}

fn file<'a>(cx: &mut Cx<'a>, table: &Table<'a>, key: &str) -> Option<PathBuf> {
    let Some(entry) = table.get(key) else {
        let finding = cx.report.error(&table.span, format!("`tls` has no `{key}`"));
        finding.hint(format!("add `{key} = \"{key}.pem\"`: a certificate needs its key")).absence();
        return None;
    };
    let text = cx.text(&entry, &format!("\"{key}.pem\""))?;
    if Path::new(text.value).is_absolute() {
        // Certificates are the host's more often than the system's; `up` looks at them before it starts anything.
        return Some(text.value.into());
    }
    paths::existing(cx, &text, key, FileKind::File)
}
