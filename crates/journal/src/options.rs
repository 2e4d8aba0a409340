//! The sizes of a journal. Every bound is here.

/// A batch has at most so many bytes, encoded.
pub const BATCH_BYTES_MAX: usize = 8 << 20;

/// The sizes of a journal, in bytes.
#[derive(Debug, Clone)]
pub struct Options {
    /// The first file of the log; each next one is twice as large as the last.
    pub log_bytes: u64,
    /// The largest file of the log, unless a single batch needs more.
    pub log_bytes_max: u64,
    /// When full files of the log hold so much, it is moved to the streams' segments.
    pub move_bytes: u64,
    /// A segment of a stream takes no more records when it is as large as this.
    pub segment_bytes: u64,
    /// The log holds at most so much that has not been moved; then ordinary batches get [`crate::JournalError::Backlog`].
    pub backlog_bytes: u64,
    /// Preallocated for batches of [`crate::Batch::for_reserve`] on a full disk; a reserve that is there and larger stays.
    pub reserve_bytes: u64,
    /// Batches of at most so many bytes wait for the disk.
    pub waiting_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_bytes: 1 << 20,
            log_bytes_max: 8 << 20,
            move_bytes: 4 << 20,
            segment_bytes: 8 << 20,
            backlog_bytes: 256 << 20,
            reserve_bytes: 64 << 20,
            waiting_bytes: 32 << 20,
        }
    }
}
