//! The last failures of each service.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use model::{ServiceName, Timestamp, status::Failure};

/// How many are kept of each service.
const KEPT_MAX: usize = 64;

/// How long what says the same is no news.
const NEWS: Duration = Duration::from_secs(1);

/// The last failures of each service that a connection leads to.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<ServiceName, VecDeque<Failure>>>);

impl Failures {
    pub(crate) fn record(&self, failure: Failure) {
        let mut all = self.lock();
        let kept = all.entry(failure.service.clone()).or_default();
        if kept.len() == KEPT_MAX {
            kept.pop_back();
        }
        kept.push_front(failure);
    }

    /// The same in the place of what says the same of the same connection: callers that are refused must not push out all else.
    pub(crate) fn record_again(&self, failure: Failure) {
        let is_same = |kept: &Failure| {
            (kept.reason, &kept.connection, &kept.detail) == (failure.reason, &failure.connection, &failure.detail)
        };
        if let Some(kept) = self.lock().get_mut(&failure.service) {
            kept.retain(|kept| !is_same(kept));
        }
        self.record(failure);
    }

    /// Whether no such failure of a service was recorded within the last second.
    pub(crate) fn is_news(&self, service: &ServiceName, now: Timestamp, is_such: impl Fn(&Failure) -> bool) -> bool {
        let last = |kept: &VecDeque<Failure>| kept.iter().find(|kept| is_such(kept)).map(|kept| kept.at);
        self.lock().get(service).and_then(last).is_none_or(|at| at + NEWS <= now)
    }

    /// Forgets those of the other services.
    pub(crate) fn keep(&self, is_known: impl Fn(&ServiceName) -> bool) {
        self.lock().retain(|service, _| is_known(service));
    }

    /// Those of a service, newest first.
    pub(crate) fn of(&self, service: &ServiceName) -> Vec<Failure> {
        self.lock().get(service).into_iter().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ServiceName, VecDeque<Failure>>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}
