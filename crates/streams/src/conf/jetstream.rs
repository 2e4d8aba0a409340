//! `jetstream { … }`.

use std::path::PathBuf;

use super::{
    error::ConfError,
    keys::unknown,
    value::{Entry, Item, Value},
};
use crate::engine::Limits;

/// JetStream's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStream {
    /// The folder of the streams.
    pub store: PathBuf,
    /// What they may take, and how requests are read.
    pub limits: Limits,
}

impl Default for JetStream {
    fn default() -> Self {
        Self { store: "jetstream".into(), limits: Limits::default() }
    }
}

/// `None` where it is switched off.
pub(super) fn jetstream(item: Item) -> Result<Option<JetStream>, ConfError> {
    if let Value::Text(text) = &item.value {
        return match text.as_str() {
            "enabled" => Ok(Some(JetStream::default())),
            "disabled" => Ok(None),
            _ => item.boolean().map(|is_on| is_on.then(JetStream::default)),
        };
    }
    let (mut jetstream, mut is_on) = (JetStream::default(), true);
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "enable" | "enabled" => is_on = item.boolean()?,
            "store_dir" | "storedir" => jetstream.store = item.text()?.into(),
            "max_memory_store" | "max_mem_store" | "max_mem" => jetstream.limits.memory_bytes_max = Some(item.size()?),
            "max_file_store" | "max_file" => jetstream.limits.file_bytes_max = Some(item.size()?),
            "strict" => jetstream.limits.is_strict = item.boolean()?,
            "limits" => limits(item, &mut jetstream.limits)?,
            "domain" => return Err(item.refuse("there are no domains", "leave it out")),
            "sync_interval" | "sync" if item.text()? == "always" => {}
            "sync_interval" | "sync" => {
                return Err(item.refuse("every acknowledgement is on disk", "write always, or leave it out"));
            }
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    Ok(is_on.then_some(jetstream))
}

fn limits(item: Item, limits: &mut Limits) -> Result<(), ConfError> {
    for Entry { key, item, is_variable } in item.map()? {
        match key.to_ascii_lowercase().as_str() {
            "max_request_batch" => limits.request_batch_max = Some(item.count()?),
            _ if is_variable => {}
            key => return Err(unknown(key, &item)),
        }
    }
    Ok(())
}
