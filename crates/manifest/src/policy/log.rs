//! `access_log`: which requests it holds.

use model::spec::AccessLog;

use crate::{keys::ACCESS_LOG, number::parts, read::Cx, table::Entry};

const WORDS: [(&str, AccessLog); 3] =
    [("off", AccessLog::Off), ("errors", AccessLog::Errors), ("all", AccessLog::Sampled(1000))];
const EXAMPLE: &str = "`access_log = \"errors\"` or `access_log = { sample = 0.01 }`";

/// The requests, if it is said rightly.
pub(super) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Option<AccessLog> {
    if entry.value.as_str().is_some() {
        let word = cx.text(entry, "\"errors\"")?;
        return cx.choice(&word, "access log", &WORDS);
    }
    if !entry.value.is_table() {
        cx.wrong_type(entry, "a string or a table", EXAMPLE);
        return None;
    }
    let table = cx.table(entry, name)?;
    table.check_keys(cx, &ACCESS_LOG);
    let Some(sample) = table.get("sample") else {
        cx.report
            .error(&entry.span, "`access_log` does not say what to log")
            .hint(format!("write {EXAMPLE}"))
            .absence();
        return None;
    };
    let permille = parts(sample.value, 1000).filter(|permille| (1..=1000).contains(permille));
    if permille.is_none() {
        let finding = cx.report.error(&sample.span, "`sample` must be a share from 0.001 to 1, in thousandths");
        finding.hint("write `sample = 0.01` for one request of a hundred");
    }
    permille.map(AccessLog::Sampled)
}
