//! `isles kv`.

mod ls;
mod one;
#[cfg(test)]
mod tests;
mod watch;

use crate::{Context, args::KvVerb, exit::ExitCode};

pub(crate) async fn run(context: Context<'_>, verb: &KvVerb) -> anyhow::Result<ExitCode> {
    match verb {
        KvVerb::Ls { bucket: None, .. } => ls::buckets(context).await,
        KvVerb::Ls { bucket: Some(bucket), keys } => ls::keys(context, bucket, keys.as_deref()).await,
        KvVerb::Get { bucket, key } => one::get(context, bucket, key).await,
        KvVerb::Put(args) => one::put(context, args).await,
        KvVerb::Del { bucket, key } => one::delete(context, bucket, key).await,
        KvVerb::History { bucket, key } => one::history(context, bucket, key).await,
        KvVerb::Watch { bucket, keys } => watch::run(context, bucket, keys.as_deref()).await,
    }
}
