use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::Error;

/// A request's body as JSON, whatever its `content-type` says.
pub struct Input<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| Error::new(rejection.status(), rejection.body_text()))?;
        parse(&body).map(Self)
    }
}

/// A number in a path; what is not a number names nothing that exists.
pub fn number(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| Error::not_found(format!("`{text}` is not a number")))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Error::invalid(error.to_string()),
        _ => Error::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies() {
        for (body, expected) in [
            ("[1, 2]", Ok(vec![1, 2])),
            ("[1, \"2\"]", Err(StatusCode::UNPROCESSABLE_ENTITY)),
            ("[1, 2", Err(StatusCode::BAD_REQUEST)),
            ("", Err(StatusCode::BAD_REQUEST)),
        ] {
            assert_eq!(parse::<Vec<i64>>(body.as_bytes()).map_err(|error| error.status), expected, "{body}");
        }
    }
}
