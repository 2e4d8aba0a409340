//! Makes the streams that a manifest asks for.

use std::{collections::BTreeMap, sync::Arc};

use logic::stream::{check, check_update};
use model::{
    Gather,
    spec::System,
    streams::{Redelivery, StreamConfig},
};
use ports::streams::{Capabilities, StreamsError, Topics};

/// Makes streams in an engine.
#[derive(Clone)]
pub struct Ensure(pub Arc<dyn Topics>);

impl Ensure {
    /// Makes every stream of the system that there is not yet, and changes those that are otherwise.
    ///
    /// # Errors
    /// When one cannot be what the system says.
    pub async fn all(&self, system: &System) -> Result<(), StreamsError> {
        let can = self.0.capabilities();
        for stream in system.streams() {
            self.0.ensure(fit(stream, can)).await?;
        }
        Ok(())
    }

    /// Whether Isles' own engine could do so: nothing is changed.
    pub(crate) async fn could(&self, system: &System) -> Result<(), StreamsError> {
        let (can, there) = (self.0.capabilities(), self.0.list().await?);
        let there: BTreeMap<_, _> = there.into_iter().map(|state| (state.config.name.clone(), state.config)).gather();
        for wanted in system.streams().into_iter().map(|stream| fit(stream, can)) {
            let doing = format!("cannot change stream `{}`", wanted.name);
            let checked = match there.get(&wanted.name) {
                Some(old) => check_update(old, wanted),
                None => check(wanted),
            };
            checked.map_err(|error| StreamsError::Refused { doing, cause: error.to_string() })?;
        }
        Ok(())
    }
}

/// A stream as an engine can have it. What a manifest says and an engine has not, is an error of the manifest.
fn fit(mut stream: StreamConfig, can: Capabilities) -> StreamConfig {
    stream.allow_msg_ttl &= can.ttl;
    if !can.redelivery {
        Redelivery::forget(&mut stream.metadata);
    }
    stream
}
