//! Which names streams and consumers may have.

use super::{ApiError, ErrorCode};

/// The longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Whether a stream or consumer may be called so: one token of a subject that could also name a file.
pub fn is_valid_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.contains([' ', '\t', '\r', '\n', '\x0c', '.', '*', '>', '\\', '/'])
}

/// # Errors
/// Why a stream may not be called so.
pub(crate) fn check_stream(name: &str) -> Result<(), ApiError> {
    if name.contains(['\\', '/']) {
        return Err(ErrorCode::StreamNameContainsPathSeparators.error());
    }
    if name.len() > NAME_BYTES_MAX {
        let cause = format!("stream name is too long, maximum allowed is {NAME_BYTES_MAX}");
        return Err(ErrorCode::StreamInvalidConfig.because(cause));
    }
    if !is_valid_name(name) {
        let cause = r"stream name is required and can not contain '.', '*', '>', '\', '/'";
        return Err(ErrorCode::StreamInvalidConfig.because(cause));
    }
    Ok(())
}

/// # Errors
/// Why a consumer may not be called so.
pub(crate) fn check_consumer(name: &str) -> Result<(), ApiError> {
    if name.contains(['\\', '/']) {
        return Err(ErrorCode::ConsumerNameContainsPathSeparators.error());
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(ErrorCode::ConsumerNameTooLong.because(NAME_BYTES_MAX.to_string()));
    }
    if !is_valid_name(name) {
        return Err(ErrorCode::ConsumerBadDurableName.error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "x".repeat(256);
        for (name, stream, consumer) in [
            ("KV_a-b=c", None, None),
            (&long[1..], None, None),
            (&long, Some(10052), Some(10102)),
            ("", Some(10052), Some(10103)),
            ("a b", Some(10052), Some(10103)),
            ("a.b", Some(10052), Some(10103)),
            ("a*", Some(10052), Some(10103)),
            (">", Some(10052), Some(10103)),
            ("a\r", Some(10052), Some(10103)),
            ("a/b", Some(10128), Some(10127)),
            (r"a\b", Some(10128), Some(10127)),
        ] {
            let number = |result: Result<(), ApiError>| result.err().map(|error| error.err_code);
            let found = (number(check_stream(name)), number(check_consumer(name)));
            assert_eq!(found, (stream, consumer), "{name:?}");
            assert_eq!(is_valid_name(name), stream.is_none(), "{name:?}");
        }
    }
}
