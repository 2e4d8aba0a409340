//! What all streams together may take.

use std::collections::HashMap;

use model::streams::{ConsumerConfig, Storage, StreamConfig};

use crate::jetstream::{ApiError, ErrorCode};

/// What an engine allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Whether requests with unknown keys are refused.
    pub is_strict: bool,
    /// Bytes of all streams with `storage: memory`.
    pub memory_bytes_max: Option<u64>,
    /// Bytes of all streams with `storage: file`.
    pub file_bytes_max: Option<u64>,
    /// Messages that one request to a pull consumer asks for.
    pub request_batch_max: Option<i64>,
}

/// As nats-server's: strict, and without bounds.
impl Default for Limits {
    fn default() -> Self {
        Self { is_strict: true, memory_bytes_max: None, file_bytes_max: None, request_batch_max: None }
    }
}

impl Limits {
    fn max(&self, storage: Storage) -> Option<u64> {
        match storage {
            Storage::Memory => self.memory_bytes_max,
            Storage::File => self.file_bytes_max,
        }
    }

    /// Keeps the requests to a pull consumer within the bound.
    pub(super) fn bound_requests(&self, config: &mut ConsumerConfig) -> Result<(), ApiError> {
        let Some(max) = self.request_batch_max.filter(|_| config.deliver_subject.is_empty()) else { return Ok(()) };
        if config.max_batch > max {
            return Err(ErrorCode::ConsumerMaxRequestBatchExceeded.because(max.to_string()));
        }
        if config.max_batch == 0 {
            config.max_batch = max;
        }
        Ok(())
    }

    /// Whether a stream may be made or changed like that beside the others: what they may grow to has to have room.
    pub(super) fn check_reserved<'a>(
        &self,
        config: &StreamConfig,
        others: impl Iterator<Item = &'a StreamConfig>,
    ) -> Result<(), ApiError> {
        let Some(max) = self.max(config.storage) else { return Ok(()) };
        let reserved = |config: &StreamConfig| u64::try_from(config.max_bytes).unwrap_or(0);
        let same = others.filter(|other| other.storage == config.storage && other.name != config.name);
        let sum = same.map(reserved).fold(reserved(config), u64::saturating_add);
        match (sum > max, config.storage) {
            (false, _) => Ok(()),
            (true, Storage::File) => Err(ErrorCode::StorageResourcesExceeded.error()),
            (true, Storage::Memory) => Err(ErrorCode::MemoryResourcesExceeded.error()),
        }
    }
}

/// The bytes of all streams, by what they are stored in.
#[derive(Debug, Default)]
pub(super) struct Tally {
    streams: HashMap<u64, (Storage, u64)>,
    memory: u64,
    file: u64,
}

impl Tally {
    /// A stream has so many bytes now; `None` if it has gone.
    pub(super) fn set(&mut self, id: u64, bytes: Option<(Storage, u64)>) {
        let before = match bytes {
            Some(bytes) => self.streams.insert(id, bytes),
            None => self.streams.remove(&id),
        };
        if let Some((storage, bytes)) = before {
            *self.of(storage) -= bytes;
        }
        if let Some((storage, bytes)) = bytes {
            *self.of(storage) += bytes;
        }
    }

    /// Whether a stream with this storage may have so many bytes more.
    pub(super) fn has_room(&mut self, storage: Storage, more: u64, limits: &Limits) -> bool {
        limits.max(storage).is_none_or(|max| self.of(storage).saturating_add(more) <= max)
    }

    fn of(&mut self, storage: Storage) -> &mut u64 {
        match storage {
            Storage::Memory => &mut self.memory,
            Storage::File => &mut self.file,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_follows_its_streams() {
        let (mut tally, limits) = (Tally::default(), Limits { file_bytes_max: Some(10), ..Limits::default() });
        tally.set(1, Some((Storage::File, 4)));
        tally.set(2, Some((Storage::File, 6)));
        tally.set(3, Some((Storage::Memory, 100)));
        assert!(!tally.has_room(Storage::File, 1, &limits) && tally.has_room(Storage::Memory, 100, &limits));
        tally.set(1, Some((Storage::File, 3)));
        assert!(tally.has_room(Storage::File, 1, &limits) && !tally.has_room(Storage::File, 2, &limits));
        tally.set(2, None);
        assert!(tally.has_room(Storage::File, 7, &limits) && !tally.has_room(Storage::File, 8, &limits));
    }

    #[test]
    fn requests_are_kept_within_the_bound() {
        let limits = Limits { request_batch_max: Some(10), ..Limits::default() };
        for (deliver_subject, asked, expected) in [
            ("", 0, Ok(10)),
            ("", 5, Ok(5)),
            ("", 11, Err("consumer max request batch exceeds server limit of 10".to_owned())),
            ("push", 0, Ok(0)),
        ] {
            let deliver_subject = deliver_subject.into();
            let mut config = ConsumerConfig { deliver_subject, max_batch: asked, ..ConsumerConfig::default() };
            let bounded = limits.bound_requests(&mut config).map(|()| config.max_batch);
            assert_eq!(bounded.map_err(|error| error.description), expected);
        }
    }

    #[test]
    fn what_streams_may_grow_to_has_to_have_room() {
        let limits = Limits { file_bytes_max: Some(10), memory_bytes_max: Some(5), ..Limits::default() };
        let stream = |name: &str, storage: Storage, max_bytes: i64| StreamConfig {
            name: name.into(),
            storage,
            max_bytes,
            ..StreamConfig::default()
        };
        let others = [stream("A", Storage::File, 6), stream("M", Storage::Memory, 3), stream("U", Storage::File, -1)];
        for (config, code) in [
            (stream("B", Storage::File, 4), None),
            (stream("B", Storage::File, 5), Some(10047)),
            (stream("A", Storage::File, 10), None),
            (stream("B", Storage::File, -1), None),
            (stream("N", Storage::Memory, 2), None),
            (stream("N", Storage::Memory, 3), Some(10028)),
        ] {
            let checked = limits.check_reserved(&config, others.iter());
            assert_eq!(checked.err().map(|error| error.err_code), code, "{config:?}");
        }
    }
}
