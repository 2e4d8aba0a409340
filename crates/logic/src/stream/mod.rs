//! The machine of one stream: which messages it takes, under which sequence, and which go when.
//!
//! It keeps no message. What it must know of one it asks of [`Stored`], which storage implements.

mod batch;
mod check;
mod dedup;
mod expiry;
mod filters;
mod index;
mod machine;
mod outcome;
mod pressure;
mod publish;
mod removal;
mod scan;
mod schedule;
mod snapshot;
mod stamps;
mod stored;
pub(crate) mod subjects;
#[cfg(test)]
pub(crate) mod tests;
mod together;
mod wishes;

pub use batch::{
    BYTES_MAX as BATCH_BYTES_MAX, MESSAGES_MAX as BATCH_MESSAGES_MAX, OPEN_MAX as BATCHES_OPEN_MAX,
    TIMEOUT as BATCH_TIMEOUT,
};
pub use check::{check, check_pedantic, check_update, offers};
pub use dedup::{Dedup, IDS_MAX};
pub use expiry::{DEADLINES_MAX, Expiry};
pub use filters::Filters;
pub use index::{Entry, Index};
pub(crate) use index::{is_wild, wants};
pub use machine::{Counts, Stream};
pub use outcome::{Due, Outcome, Placed, Purge, Purged, Removals, Removed};
pub use pressure::pause;
pub use publish::Incoming;
pub use scan::{Search, scan};
pub use schedule::{Firing, Schedule};
pub use snapshot::Snapshot;
pub use stored::{Expires, Head, Spent, Stored};
pub use wishes::{BatchWish, ScheduleWish, Wishes};
