//! Bytes in JSON.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// Bytes: a text where they are UTF-8, else an object `{"base64": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Content {
    /// A text.
    Text(String),
    /// What is no text.
    #[serde(rename_all = "lowercase")]
    Binary {
        /// The bytes in base64 (RFC 4648 section 4).
        base64: String,
    },
}

/// A content is not base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the content is not base64: {0}")]
pub struct InvalidContent(String);

impl Content {
    /// The content with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Binary { base64: BASE64_STANDARD.encode(bytes) },
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// When what shall be base64 is not.
    pub fn bytes(&self) -> Result<Vec<u8>, InvalidContent> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::Binary { base64 } => {
                BASE64_STANDARD.decode(base64).map_err(|error| InvalidContent(error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_as_json_and_back() {
        for (bytes, json) in [
            (b"" as &[u8], r#""""#),
            (b"{\"a\":1}", r#""{\"a\":1}""#),
            ("\u{fc}\0".as_bytes(), "\"\u{fc}\\u0000\""),
            (&[0xff, 0], r#"{"base64":"/wA="}"#),
        ] {
            assert_eq!(serde_json::to_string(&Content::of(bytes)).unwrap(), json);
            assert_eq!(serde_json::from_str::<Content>(json).unwrap().bytes(), Ok(bytes.to_vec()));
        }
        assert!(serde_json::from_str::<Content>(r#"{"base64":"?"}"#).unwrap().bytes().is_err());
        for wrong in ["1", "null", "{}", r#"{"hex":"00"}"#] {
            assert!(serde_json::from_str::<Content>(wrong).is_err(), "{wrong}");
        }
    }
}
