use model::{
    BucketName, ByteSize, Timestamp,
    api::{BucketEntry, BucketQuery, BucketStatus},
};

use crate::{
    Context,
    exit::ExitCode,
    paint::Paint,
    table::{self, Cell},
    text,
};

const BUCKETS: [&str; 6] = ["BUCKET", "OWNER", "ENTRIES", "SIZE", "REVISION", "LAST"];
const KEYS: [&str; 4] = ["KEY", "REVISION", "WRITTEN", "VALUE"];
const NONE: &str = "the system has no buckets: a service that says `buckets = [\"sessions\"]` makes one\n";

pub(super) async fn buckets(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let buckets = context.client()?.buckets().await?;
    if context.settings.json {
        buckets.iter().try_for_each(|bucket| context.terminal.print_json(bucket))?;
    } else if buckets.is_empty() {
        context.terminal.say(NONE);
    } else {
        let text = render(&buckets, (context.now)(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// A line a bucket.
pub(super) fn render(buckets: &[BucketStatus], now: Timestamp, paint: Paint) -> String {
    let row = |bucket: &BucketStatus| {
        vec![
            Cell::plain(bucket.name.as_str()),
            Cell::plain(bucket.owner.as_str()),
            Cell::plain(bucket.entries.to_string()),
            Cell::plain(ByteSize(bucket.bytes).to_string()),
            Cell::plain(bucket.revision.to_string()),
            Cell::plain(text::ago(bucket.last_at, now)),
        ]
    };
    table::render(&BUCKETS, buckets.iter().map(row).collect(), None, paint)
}

pub(super) async fn keys(context: Context<'_>, bucket: &BucketName, keys: Option<&str>) -> anyhow::Result<ExitCode> {
    let query = BucketQuery { keys: keys.map(str::to_owned), follow: false };
    let mut lines = context.client()?.entries(bucket, &query).await?;
    let mut entries = Vec::new();
    while let Some(entry) = lines.next().await? {
        if context.settings.json {
            context.terminal.print_json(&entry)?;
        } else {
            entries.push(entry);
        }
    }
    if context.settings.json {
        return Ok(ExitCode::Ok);
    }
    if entries.is_empty() {
        context.terminal.say("there are no such keys\n");
    } else {
        let text = render_keys(&entries, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// A line a key, at most `columns` wide.
pub(super) fn render_keys(entries: &[BucketEntry], now: Timestamp, columns: Option<usize>, paint: Paint) -> String {
    let row = |entry: &BucketEntry| {
        vec![
            Cell::plain(&entry.key),
            Cell::plain(entry.revision.to_string()),
            Cell::plain(text::ago(Some(entry.at), now)),
            Cell::plain(text::one_line(&entry.value)),
        ]
    };
    table::render(&KEYS, entries.iter().map(row).collect(), columns, paint)
}
