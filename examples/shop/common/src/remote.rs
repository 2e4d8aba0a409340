use std::{env, time::Duration};

use axum::{
    body::Bytes,
    http::{Method, Request, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use crate::{Error, Fault};

/// How long a call may take, its answer included.
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why there was no answer.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Another program of the shop, called by HTTP and JSON.
#[derive(Clone)]
pub struct Remote {
    name: &'static str,
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Remote {
    /// The program that `$NAME_URL` says where to find.
    pub fn from_env(name: &'static str) -> Result<Self, Fault> {
        let variable = format!("{}_URL", name.to_uppercase());
        let url = env::var(&variable).map_err(|_| format!("${variable} is not set"))?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { name, url: url.trim_end_matches('/').into(), client })
    }

    /// Asks for something. A refusal comes back as an error with the status and the message of the program that refused.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Sends something. A refusal comes back as an error with the status and the message of the program that refused.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.call(Method::POST, path, body.to_string().into()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Value, Error> {
        let exchange = tokio::time::timeout(TIMEOUT, self.exchange(method, path, body)).await;
        match exchange {
            Ok(Ok((status, body))) => self.judge(status, &body),
            Ok(Err(error)) => Err(self.unavailable(error)),
            Err(_) => Err(self.unavailable("it did not answer in time")),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await?;
        Ok((status, body.to_bytes()))
    }

    fn judge(&self, status: StatusCode, body: &[u8]) -> Result<Value, Error> {
        let body = serde_json::from_slice::<Value>(body);
        match (status, body) {
            (StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT, _) => Err(self.unavailable(status)),
            (status, Ok(body)) if status.is_success() => Ok(body),
            (status, Ok(body)) if status.is_client_error() && body["error"].is_string() => {
                Err(Error::new(status, body["error"].as_str().unwrap_or_default()))
            }
            (status, _) => {
                let message = format!("{} gave an answer of no use: {status}", self.name);
                Err(Error::new(StatusCode::BAD_GATEWAY, message))
            }
        }
    }

    fn unavailable(&self, why: impl std::fmt::Display) -> Error {
        eprintln!("{} at {}: {why}", self.name, self.url);
        Error::new(StatusCode::SERVICE_UNAVAILABLE, format!("{} is not available: {why}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let stock = Remote { name: "stock", url: "http://127.0.0.1:1".into(), client };
        for (status, body, expected) in [
            (201, r#"{"sku":"tea"}"#, Ok(serde_json::json!({"sku": "tea"}))),
            (409, r#"{"error":"only 1 left"}"#, Err((409, "only 1 left"))),
            (421, r#"{"title":"not declared"}"#, Err((502, "stock gave an answer of no use: 421 Misdirected Request"))),
            (200, "<html>", Err((502, "stock gave an answer of no use: 200 OK"))),
            (500, r#"{"error":"oh"}"#, Err((502, "stock gave an answer of no use: 500 Internal Server Error"))),
            (503, "", Err((503, "stock is not available: 503 Service Unavailable"))),
            (504, "", Err((503, "stock is not available: 504 Gateway Timeout"))),
        ] {
            let expected =
                expected.map_err(|(status, message)| Error::new(StatusCode::from_u16(status).unwrap(), message));
            assert_eq!(stock.judge(StatusCode::from_u16(status).unwrap(), body.as_bytes()), expected);
        }
    }
}
