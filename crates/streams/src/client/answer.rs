//! What the API answers.

use std::io;

use ports::streams::StreamsError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    engine::Refused,
    jetstream::{ApiError, ErrorCode, without_nulls},
};

/// Reads the body of an answer.
///
/// # Errors
/// What the server refuses, or that the answer cannot be understood.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], doing: &str, what: &str) -> Result<T, StreamsError> {
    let strange = |error: serde_json::Error| {
        StreamsError::Unreachable(format!("the server's answer about {what} cannot be understood: {error}"))
    };
    let mut value = serde_json::from_slice(body).map(without_nulls).map_err(strange)?;
    match value.as_object_mut().and_then(|answer| answer.remove("error")) {
        Some(error) => Err(refusal(serde_json::from_value(error).map_err(strange)?, doing, what)),
        None => serde_json::from_value::<T>(value).map_err(strange),
    }
}

/// Reads the answer to a wish ([`crate::engine::Wish`]).
///
/// # Errors
/// Why it was not granted.
pub(super) fn granted<T: DeserializeOwned>(body: &[u8], doing: &str) -> Result<T, StreamsError> {
    match serde_json::from_slice(body) {
        Ok(Refused { error, what }) => Err(refusal(error, doing, &what)),
        Err(_) => read(body, doing, "wish"),
    }
}

fn refusal(error: ApiError, doing: &str, what: &str) -> StreamsError {
    let is = |code: ErrorCode| error.err_code == code.number();
    if is(ErrorCode::StreamWrongLastSequence) || is(ErrorCode::StreamWrongLastSequenceConstant) {
        let found = error.description.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        return StreamsError::Conflict { what: what.into(), found };
    }
    if error.code == 404 || is(ErrorCode::SequenceNotFound) {
        return StreamsError::Absent(what.into());
    }
    let (doing, cause) = (format!("cannot {doing} {what}"), error.description);
    if is(ErrorCode::InsufficientResources) {
        return StreamsError::Io { doing, source: io::Error::other(cause) };
    }
    StreamsError::Refused { doing, cause }
}

/// An answer of which nothing is needed but that it is none of an error.
pub(super) type Done = Value;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals() {
        let said = |code: u16, err_code: u16, description: &str| {
            let body = serde_json::json!({"error": {"code": code, "err_code": err_code, "description": description}});
            let error = read::<Done>(body.to_string().as_bytes(), "change", "stream `s`").unwrap_err();
            (error.to_string(), error.may_pass())
        };
        for (code, err_code, description, expected, may_pass) in [
            (404, 10059, "stream not found", "there is no stream `s`", false),
            (400, 10071, "wrong last sequence: 7", "stream `s` is at revision 7, not as expected", false),
            (400, 10164, "wrong last sequence", "stream `s` is at revision 0, not as expected", false),
            (503, 10023, "insufficient resources", "cannot change stream `s`: insufficient resources", true),
            (500, 10052, "not so", "cannot change stream `s`: not so", false),
        ] {
            assert_eq!(said(code, err_code, description), (expected.into(), may_pass));
        }
        let strange = read::<Done>(b"x", "change", "stream `s`").unwrap_err();
        assert!(matches!(strange, StreamsError::Unreachable(_)), "{strange}");
    }
}
