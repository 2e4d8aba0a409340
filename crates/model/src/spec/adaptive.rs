//! How many requests a service takes at once, as its latency tells.

use serde::{Deserialize, Serialize};

/// Whether the requests in flight to a service are limited by what its latency tells, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AdaptiveConcurrency {
    /// Within the bounds of [`AdaptiveConcurrency::MIN`] and [`AdaptiveConcurrency::MAX`], or not at all.
    Switch(bool),
    /// Within these bounds.
    Within {
        /// The least that the limit may be, at least 1.
        min: u32,
        /// The most, at least `min`.
        max: u32,
    },
}

impl AdaptiveConcurrency {
    /// The least that the limit is without further words.
    pub const MIN: u32 = 20;
    /// The most.
    pub const MAX: u32 = 1000;

    /// The least and the most that the limit may be; `None` where nothing is limited.
    pub fn bounds(self) -> Option<(u32, u32)> {
        match self {
            Self::Switch(false) => None,
            Self::Switch(true) => Some((Self::MIN, Self::MAX)),
            Self::Within { min, max } => Some((min, max)),
        }
    }
}

/// What was stored before there was a choice was not limited.
impl Default for AdaptiveConcurrency {
    fn default() -> Self {
        Self::Switch(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored() {
        for (stored, value, bounds) in [
            ("false", AdaptiveConcurrency::Switch(false), None),
            ("true", AdaptiveConcurrency::Switch(true), Some((20, 1000))),
            (r#"{"min":1,"max":5}"#, AdaptiveConcurrency::Within { min: 1, max: 5 }, Some((1, 5))),
        ] {
            assert_eq!(serde_json::from_str::<AdaptiveConcurrency>(stored).unwrap(), value);
            assert_eq!((serde_json::to_string(&value).unwrap().as_str(), value.bounds()), (stored, bounds));
        }
    }
}
