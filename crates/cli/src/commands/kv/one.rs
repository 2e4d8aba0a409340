//! One key.

use model::{
    BucketName, Timestamp,
    api::{BucketEntry, KeyOperation, PutValue},
};

use crate::{
    Context,
    args::PutArgs,
    commands::content,
    exit::ExitCode,
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 4] = ["REVISION", "WHEN", "WHAT", "VALUE"];

pub(super) async fn get(context: Context<'_>, bucket: &BucketName, key: &str) -> anyhow::Result<ExitCode> {
    let entry = context.client()?.entry(bucket, key).await?;
    if context.settings.json {
        context.terminal.print_json(&entry)?;
        return Ok(ExitCode::Ok);
    }
    let value = entry.value.bytes()?;
    context.terminal.print_bytes(&value)?;
    if context.terminal.out.is_terminal && !value.ends_with(b"\n") {
        context.terminal.print("\n")?;
    }
    Ok(ExitCode::Ok)
}

pub(super) async fn put(context: Context<'_>, args: &PutArgs) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let value = PutValue { value: content(&args.value)?, revision: args.revision };
    let written = client.put(&args.bucket, &args.key, &value).await?;
    if context.settings.json {
        context.terminal.print_json(&written)?;
    } else {
        context.terminal.print(&format!("{}  revision {}\n", args.key, written.revision))?;
    }
    Ok(ExitCode::Ok)
}

pub(super) async fn delete(context: Context<'_>, bucket: &BucketName, key: &str) -> anyhow::Result<ExitCode> {
    let written = context.client()?.delete(bucket, key).await?;
    if context.settings.json {
        context.terminal.print_json(&written)?;
    } else {
        context.terminal.print(&format!("{key}  deleted, revision {}\n", written.revision))?;
    }
    Ok(ExitCode::Ok)
}

pub(super) async fn history(context: Context<'_>, bucket: &BucketName, key: &str) -> anyhow::Result<ExitCode> {
    let entries = context.client()?.history(bucket, key).await?;
    if context.settings.json {
        entries.iter().try_for_each(|entry| context.terminal.print_json(entry))?;
    } else {
        let text = render(&entries, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// A line an entry, at most `columns` wide.
pub(super) fn render(entries: &[BucketEntry], now: Timestamp, columns: Option<usize>, paint: Paint) -> String {
    let row = |entry: &BucketEntry| {
        let style = if entry.operation == KeyOperation::Put { Style::Plain } else { Style::Dim };
        vec![
            Cell::plain(entry.revision.to_string()),
            Cell::plain(text::ago(Some(entry.at), now)),
            Cell::new(text::word(&entry.operation), style),
            Cell::plain(text::one_line(&entry.value)),
        ]
    };
    table::render(&HEAD, entries.iter().map(row).collect(), columns, paint)
}
