//! Makes the streams that a manifest asks for.

use std::sync::Arc;

use model::{
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
}

/// A stream as an engine can have it. What a manifest says and an engine has not, is an error of the manifest.
fn fit(mut stream: StreamConfig, can: Capabilities) -> StreamConfig {
    stream.allow_msg_ttl &= can.ttl;
    if !can.redelivery {
        Redelivery::forget(&mut stream.metadata);
    }
    stream
}
