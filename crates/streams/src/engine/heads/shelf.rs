//! Where sealed blocks of all streams are read: the journal, and before it those that were read last.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use journal::Journal;

use super::block::Block;

const CACHE_BYTES_MAX: usize = 16 << 20;

/// The journal stream that holds the index of a stream.
pub(in crate::engine) fn index_of(stream: u64) -> u64 {
    stream | 1 << 63
}

/// Whether a stream of the journal is the index of another.
pub(in crate::engine) fn is_index(stream: u64) -> bool {
    stream >> 63 == 1
}

pub(in crate::engine) struct Shelf {
    pub(in crate::engine) journal: Arc<Journal>,
    cache: Mutex<Cache>,
    has_failed: AtomicBool,
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct Cache {
    blocks: HashMap<(u64, u64), Cached>,
    /// From the one that goes next; whoever was used meanwhile goes round again.
    order: VecDeque<(u64, u64)>,
    bytes: usize,
}

struct Cached {
    block: Arc<Block>,
    is_used: bool,
}

impl Shelf {
    pub(in crate::engine) fn new(journal: Arc<Journal>) -> Self {
        let hashers = [RandomState::new(), RandomState::new()];
        Self { journal, cache: Mutex::default(), has_failed: AtomicBool::new(false), hashers }
    }

    /// Whether a block could not be read since it was asked last: what was answered then may be wrong, and all must be
    /// recovered.
    pub(in crate::engine) fn take_failure(&self) -> bool {
        self.has_failed.swap(false, Ordering::Relaxed)
    }

    /// Forgets what was read, for an index may be another one now.
    pub(in crate::engine) fn clear(&self) {
        *self.cache.lock().expect("no holder panics") = Cache::default();
        self.take_failure();
    }

    /// A block of an index.
    pub(super) fn read(&self, index: u64, number: u64) -> Option<Arc<Block>> {
        let mut cache = self.cache.lock().expect("no holder panics");
        if let Some(cached) = cache.blocks.get_mut(&(index, number)) {
            cached.is_used = true;
            return Some(cached.block.clone());
        }
        let read = self.journal.get(index, number).ok().flatten().and_then(Block::parse);
        let Some(block) = read.map(Arc::new) else {
            self.has_failed.store(true, Ordering::Relaxed);
            return None;
        };
        cache.insert((index, number), block.clone());
        Some(block)
    }

    /// The last block of an index that the journal has.
    pub(super) fn written(&self, index: u64) -> u64 {
        self.journal.bounds(index).unwrap_or_default().last
    }

    /// A name as a number. That two are the same is less likely than that a disk errs: 2⁻¹²⁸, and nobody can choose them so.
    pub(super) fn hash(&self, subject: &str) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(subject)) << 64 | u128::from(low.hash_one(subject))
    }
}

impl Cache {
    fn insert(&mut self, key: (u64, u64), block: Arc<Block>) {
        self.bytes += block.memory_bytes();
        self.blocks.insert(key, Cached { block, is_used: false });
        self.order.push_back(key);
        while self.bytes > CACHE_BYTES_MAX && self.order.len() > 1 {
            self.drop_one();
        }
    }

    fn drop_one(&mut self) {
        let Some(key) = self.order.pop_front() else { return };
        let Some(cached) = self.blocks.get_mut(&key) else { return };
        if std::mem::take(&mut cached.is_used) {
            self.order.push_back(key);
        } else {
            self.bytes -= cached.block.memory_bytes();
            self.blocks.remove(&key);
        }
    }
}
