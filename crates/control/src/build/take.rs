//! Copying the inputs of a build while somebody may be writing to them.

use std::io::{self, ErrorKind};

use super::{Inputs, Job, Place, copy, discard, is_whole};
use crate::Config;

/// How often they are copied, should they change under it.
const TRIES: usize = 5;

/// Copies the inputs, as they are now, into a folder named by their hash; no folder if one is whole already.
pub(super) fn inputs(config: &Config, job: &Job, mut inputs: Inputs) -> io::Result<(String, Option<Place>)> {
    for _ in 0..TRIES {
        let place = Place::of(config, job, &inputs.hash);
        if is_whole(&place.root) {
            return Ok((inputs.hash, None));
        }
        discard(&place.root)?;
        match copy::files(&config.folder, &place.root, &inputs.files) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                // Half of it must not keep a full disk full.
                let _ = discard(&place.root);
                return Err(error);
            }
            Ok(()) if inputs.lie_in(&place.root, &job.spec, &job.env(config))? => {
                return Ok((inputs.hash, Some(place)));
            }
            _ => discard(&place.root)?,
        }
        inputs = job.inputs(config)?;
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "the sources changed again and again while they were read"))
}
