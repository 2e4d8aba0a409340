use model::{
    BucketName,
    api::{BucketEntry, BucketQuery, KeyOperation},
};

use crate::{
    Context,
    commands::follow::follow,
    exit::ExitCode,
    paint::{Paint, Style},
    text,
};

pub(super) async fn run(context: Context<'_>, bucket: &BucketName, keys: Option<&str>) -> anyhow::Result<ExitCode> {
    let (client, json, terminal) = (context.client()?, context.settings.json, context.terminal);
    let query = BucketQuery { keys: keys.map(str::to_owned), follow: true };
    follow(
        async |_| client.entries(bucket, &query).await,
        |entry: &BucketEntry| entry.revision,
        |entry| {
            if json {
                terminal.print_json(entry)?;
            } else {
                let text = render(entry, terminal.out.paint);
                terminal.print(&text)?;
            }
            Ok(true)
        },
    )
    .await
}

/// `7  2026-11-26T08:30:00.123Z  users.7  Ada`.
pub(super) fn render(entry: &BucketEntry, paint: Paint) -> String {
    let place = paint.apply(Style::Dim, &format!("{}  {}", entry.revision, text::moment(entry.at)));
    let what = match entry.operation {
        KeyOperation::Put => text::one_line(&entry.value),
        KeyOperation::Delete => paint.apply(Style::Worrying, "deleted"),
        KeyOperation::Purge => paint.apply(Style::Worrying, "purged"),
    };
    format!("{place}  {}  {what}\n", entry.key)
}
