//! What goes wrong with streams and buckets.

/// Why a stream or a bucket did not do what was asked. Whether it is worth trying again, [`StreamsError::may_pass`] says.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// The caller's expectation does not hold; read again and decide anew.
    #[error("{what} is at revision {found}, not as expected")]
    Conflict {
        /// What: ``key `a` `` or ``stream `s` ``.
        what: String,
        /// Its revision or last sequence; 0 if there is none, or the engine does not tell.
        found: u64,
    },
    /// A name or a value is not allowed; the caller's fault.
    #[error("{0}")]
    Invalid(String),
    /// There is no such stream, consumer or message; the caller's fault.
    #[error("there is no {0}")]
    Absent(String),
    /// The engine has nothing of this kind: its [`Capabilities`](super::Capabilities) say so.
    #[error("this engine has no {0}")]
    Unsupported(&'static str),
    /// The engine refuses, by its rules and bounds; whoever asked must ask for something else.
    #[error("{doing}: {cause}")]
    Refused {
        /// What was asked for.
        doing: String,
        /// Why not, in the engine's words.
        cause: String,
    },
    /// The engine cannot be reached, or has stopped. What was asked for may have been done.
    #[error("{0}")]
    Unreachable(String),
    /// What is stored cannot be read; a person must look.
    #[error("{file} is damaged: {cause}")]
    Damaged {
        /// What is wrong.
        cause: String,
        /// The file.
        file: String,
    },
    /// What is stored was written by a newer Isles.
    #[error("the bucket `{bucket}` has format {found}; this Isles knows formats up to {known}")]
    Newer {
        /// The bucket.
        bucket: String,
        /// Its format.
        found: u32,
        /// The newest known.
        known: u32,
    },
    /// The host failed; nothing was acknowledged. May succeed later.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The cause.
        source: std::io::Error,
    },
}

impl StreamsError {
    /// Whether the same may succeed later, without anybody changing what is asked for.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Io { .. })
    }
}
