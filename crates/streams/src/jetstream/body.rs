//! Bodies of requests: JSON as lenient or as strict as the server is set up to be.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ApiError, ErrorCode};

/// The keys whose values have fields of their own.
const STRUCTS: [&str; 5] = ["config", "consumer_limits", "placement", "republish", "subject_transform"];

/// Reads a body. An empty one is the default; `null` stands for "not given"; keys that nobody knows are refused if `strict`.
///
/// # Errors
/// [`ErrorCode::InvalidJson`] with what is wrong.
pub(crate) fn decode<T: DeserializeOwned + Default>(body: &[u8], strict: bool) -> Result<T, ApiError> {
    read(parse(body)?, strict)
}

/// As [`decode`] for bodies with the flag `pedantic` beside the keys of `T`; returns it too. It asks for strictness.
///
/// # Errors
/// As [`decode`]; what is refused for its sake alone is [`ErrorCode::Pedantic`].
pub(crate) fn decode_pedantic<T: DeserializeOwned + Default>(body: &[u8], strict: bool) -> Result<(T, bool), ApiError> {
    let mut value = parse(body)?;
    let flag = value.as_object_mut().and_then(|object| object.remove("pedantic"));
    let pedantic = flag.map(serde_json::from_value).transpose().map_err(invalid)?.unwrap_or(false);
    if !pedantic || strict {
        return Ok((read(value, strict)?, pedantic));
    }
    let (read, unknown) = read_noting(value)?;
    match unknown {
        Some(path) => Err(ErrorCode::Pedantic.because(unknown_field(&path))),
        None => Ok((read, true)),
    }
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value = serde_json::from_slice(body).map(without_nulls).map_err(invalid)?;
    if has_fields_by_name(&value) { Ok(value) } else { Err(invalid("json: an object is expected")) }
}

/// serde would also take the fields of a struct from an array, by their order.
fn has_fields_by_name(value: &Value) -> bool {
    let Value::Object(object) = value else { return false };
    STRUCTS.iter().filter_map(|key| object.get(*key)).all(has_fields_by_name)
}

fn read<T: DeserializeOwned>(value: Value, strict: bool) -> Result<T, ApiError> {
    let (read, unknown) = read_noting(value)?;
    match unknown.filter(|_| strict) {
        Some(path) => Err(invalid(unknown_field(&path))),
        None => Ok(read),
    }
}

/// The value, and the first key that nobody knows.
fn read_noting<T: DeserializeOwned>(value: Value) -> Result<(T, Option<String>), ApiError> {
    let mut unknown = None;
    let note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert(path.to_string());
    };
    let read = serde_ignored::deserialize(value, note).map_err(invalid)?;
    Ok((read, unknown))
}

fn unknown_field(path: &str) -> String {
    format!("json: unknown field \"{path}\"")
}

/// As [`decode`] for requests that may come without a body: what is no JSON object or array counts as none.
///
/// # Errors
/// As [`decode`].
pub(crate) fn decode_optional<T: DeserializeOwned + Default>(body: &[u8], strict: bool) -> Result<T, ApiError> {
    if body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[") {
        return decode(body, strict);
    }
    Ok(T::default())
}

/// Whether a request says nothing: no bytes, or an empty object.
pub(crate) fn is_empty(body: &[u8]) -> bool {
    let is_empty_object = |value: Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    body.is_empty() || serde_json::from_slice(body).is_ok_and(is_empty_object)
}

fn invalid(cause: impl ToString) -> ApiError {
    ErrorCode::InvalidJson.because(cause.to_string())
}

/// A key that is `null` is one that is not there; Go's decoder leaves the field alone then.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Body {
        seq: u64,
        inner: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        name: String,
    }

    #[test]
    fn bodies() {
        let body = |seq: u64, name: Option<&str>| Ok(Body { seq, inner: name.map(|name| Inner { name: name.into() }) });
        let unknown = |path: &str| Err(format!("invalid JSON: json: unknown field \"{path}\""));
        for (text, lenient, strict) in [
            ("", body(0, None), body(0, None)),
            (" \r\n", body(0, None), body(0, None)),
            ("{}", body(0, None), body(0, None)),
            (r#"{"seq":7,"inner":null}"#, body(7, None), body(7, None)),
            (r#"{"inner":{"name":"a"}}"#, body(0, Some("a")), body(0, Some("a"))),
            (r#"{"seq":7,"more":1}"#, body(7, None), unknown("more")),
            (r#"{"inner":{"name":"a","age":1}}"#, body(0, Some("a")), unknown("inner.?.age")),
        ] {
            let read = |strict: bool| decode::<Body>(text.as_bytes(), strict).map_err(|error| error.description);
            assert_eq!((read(false), read(true)), (lenient, strict), "{text}");
        }
        for text in
            ["{", "{} {}", "7", r#"{"seq":"7"}"#, r#"{"seq":-1}"#, r#"{"seq":1.5}"#, "\u{0}", "[7]", r#"{"config":[]}"#]
        {
            let error = decode::<Body>(text.as_bytes(), false).unwrap_err();
            assert_eq!((error.err_code, &error.description[..14]), (10025, "invalid JSON: "), "{text}");
        }
    }

    #[test]
    fn pedantry() {
        let read = |text: &str, strict: bool| {
            let read = decode_pedantic::<Body>(text.as_bytes(), strict);
            read.map(|(body, pedantic)| (body.seq, pedantic)).map_err(|error| error.err_code)
        };
        for (text, lenient, strict) in [
            (r#"{"seq":7}"#, Ok((7, false)), Ok((7, false))),
            (r#"{"seq":7,"pedantic":true}"#, Ok((7, true)), Ok((7, true))),
            (r#"{"seq":7,"pedantic":false,"x":1}"#, Ok((7, false)), Err(10025)),
            (r#"{"seq":7,"pedantic":true,"x":1}"#, Err(10157), Err(10025)),
            (r#"{"seq":7,"pedantic":1}"#, Err(10025), Err(10025)),
        ] {
            assert_eq!((read(text, false), read(text, true)), (lenient, strict), "{text}");
        }
    }

    #[test]
    fn optional_and_empty_bodies() {
        let seq = |text: &str| decode_optional::<Body>(text.as_bytes(), false).map(|body| body.seq).ok();
        assert_eq!((seq("+ACK"), seq("  {\"seq\":3}"), seq("[")), (Some(0), Some(3), None));
        for (text, expected) in
            [("", true), ("{}", true), (" { } ", true), ("{\"a\":1}", false), ("[]", false), ("x", false)]
        {
            assert_eq!(is_empty(text.as_bytes()), expected, "{text}");
        }
    }
}
