//! `migrate`: what runs once per release, before its first instance.

use std::time::Duration;

use model::{
    format_duration,
    spec::{Migration, Upgrade},
};

use crate::{keys::MIGRATE, read::Cx, table::Table};

const DEADLINE: Duration = Duration::from_secs(300);
const EXAMPLE: &str = "\"./migrate.sh\"";

/// The migration, if there is one.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, service: &Table<'a>, upgrade: &Upgrade) -> Option<Migration> {
    let entry = service.get("migrate")?;
    let mut migration = Migration { command: String::new(), hold: false, deadline: DEADLINE };
    if entry.value.as_str().is_some() {
        migration.command = cx.command(&entry, EXAMPLE)?.value.into();
        return Some(migration);
    }
    if !entry.value.is_table() {
        cx.wrong_type(&entry, "a string or a table", &format!("`migrate = {EXAMPLE}`"));
        return None;
    }
    let table = cx.table(&entry, format!("{}.migrate", service.name))?;
    table.check_keys(cx, &MIGRATE);
    cx.fill_boolean(&table, "hold", &mut migration.hold);
    cx.fill_duration(&table, "deadline", &mut migration.deadline);
    if let Some(deadline) = table.get("deadline").filter(|_| migration.deadline >= upgrade.progress_deadline) {
        let progress = format_duration(upgrade.progress_deadline);
        let message = format!("the upgrade would be taken back before this: its `progress_deadline` is {progress}");
        let finding = cx.report.error(&deadline.span, message);
        finding.hint("make it shorter, or `progress_deadline` of the upgrade longer");
    }
    let Some(command) = table.get("command") else {
        let finding = cx.report.error(&entry.span, "`migrate` does not say what runs");
        finding.hint(format!("add `command = {EXAMPLE}`")).absence();
        return None;
    };
    migration.command = cx.command(&command, EXAMPLE)?.value.into();
    Some(migration)
}
