//! Waiting for a condition, with a bound.

use std::{fmt::Debug, thread, time::Duration};

const TRIES: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is a value, for about 30 s.
///
/// # Panics
/// When there is none in time.
pub fn until<T>(what: &str, mut value: impl FnMut() -> Option<T>) -> T {
    for _ in 0..TRIES {
        if let Some(value) = value() {
            return value;
        }
        thread::sleep(PAUSE);
    }
    panic!("in vain waited for: {what}");
}

/// Asks until the value is as expected, for about 30 s.
///
/// # Panics
/// When it is not in time; says what it was last.
pub fn until_is<T: PartialEq + Debug>(what: &str, expected: &T, mut value: impl FnMut() -> T) {
    let mut last = None;
    for _ in 0..TRIES {
        let found = value();
        if found == *expected {
            return;
        }
        last = Some(found);
        thread::sleep(PAUSE);
    }
    panic!("in vain waited for {what}: expected {expected:?}, last seen {last:?}");
}
