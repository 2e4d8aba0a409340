//! The journal: the durable log under everything that Isles remembers.
//!
//! It holds streams of records, each stream chosen by a number and each record by an ascending sequence. A batch changes any
//! number of streams at once, and is written as one frame of a log that all streams share; whatever arrives while the disk
//! syncs shares the next `fdatasync`. Later the mover takes records to segments, files of one stream each, and the log
//! behind it is freed.
//!
//! ```text
//! commit -> queue -> writer -> log-N: frames, one a batch -> done
//!                      |
//!                    state: streams, where their records are, what is removed <- readers
//!                      |
//!                    mover -> segment-N: blocks of records -> catalogue -> log and dead segments removed
//! ```
//!
//! Opening reads the catalogue, and then the log from where the catalogue ends. A torn end is cleared; anything else that is
//! not what was written is an error that names the file and the offset.

mod batch;
mod block;
mod catalogue;
mod codec;
mod compact;
mod core;
mod disk;
mod error;
mod faulty;
mod folder;
mod frame;
mod holes;
mod journal;
mod log;
mod mover;
mod names;
mod open;
mod options;
mod plan;
mod queue;
mod read;
#[cfg(fuzzing)]
mod repair;
mod reserve;
mod segment;
mod signal;
mod state;
mod store;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod ticker;
mod writer;

pub use batch::{Batch, Durability};
pub use disk::{Disk, DiskFile};
pub use error::JournalError;
pub use faulty::{Fault, FaultyDisk};
pub use folder::Folder;
pub use journal::Journal;
pub use options::{BATCH_BYTES_MAX, Options};
pub use read::Records;
#[cfg(fuzzing)]
pub use repair::repair;
pub use stream::{Bounds, Extent};
