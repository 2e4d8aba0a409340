//! When the state of a rollout is stored: one state after the other, and again after a pause if it could not be.

use std::time::Duration;

use model::Timestamp;

/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether the state is being stored, or may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Storing {
    /// The next one may be.
    #[default]
    Idle,
    /// One is.
    Running,
    /// The last one could not be; the next one may be from this moment on.
    Failed(Timestamp),
}

impl Storing {
    /// Whether the next one may be stored now.
    pub fn may_begin(self, now: Timestamp) -> bool {
        match self {
            Self::Idle => true,
            Self::Running => false,
            Self::Failed(again_at) => again_at <= now,
        }
    }

    /// One was stored, or could not be.
    pub fn ended(is_stored: bool, now: Timestamp) -> Self {
        if is_stored { Self::Idle } else { Self::Failed(now + PAUSE) }
    }

    /// When it must be tried again.
    pub fn deadline(self) -> Option<Timestamp> {
        if let Self::Failed(again_at) = self { Some(again_at) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_stored_is_tried_again_after_a_pause() {
        let now = Timestamp(1_790_000_000_000_000);
        let later = now + PAUSE;
        let just_before = Timestamp(later.0 - 1);
        for (state, begins, deadline) in [
            (Storing::Idle, [true, true, true], None),
            (Storing::Running, [false, false, false], None),
            (Storing::ended(true, now), [true, true, true], None),
            (Storing::ended(false, now), [false, false, true], Some(later)),
        ] {
            assert_eq!([now, just_before, later].map(|at| state.may_begin(at)), begins, "{state:?}");
            assert_eq!(state.deadline(), deadline, "{state:?}");
        }
    }
}
