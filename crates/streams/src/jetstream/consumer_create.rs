//! The request for a consumer, in its three forms: named in the subject, durable in the old way, ephemeral in the old way.

use serde::Deserialize;

use super::{ApiError, ConsumerConfig, ErrorCode, body, name, support};

/// What may happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A new consumer, or a change of one.
    #[default]
    #[serde(rename = "")]
    Either,
    /// A new consumer only.
    Create,
    /// A change only.
    Update,
}

/// A request for a consumer. `config.name` is the name; if it is empty, the server chooses one.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerCreate {
    /// What may happen.
    pub action: Action,
    /// Whether what the server would change by itself is refused instead.
    pub pedantic: bool,
    /// The configuration.
    pub config: ConsumerConfig,
}

/// Where the subject names the consumer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'a> {
    Ephemeral,
    Durable(&'a str),
    Named(&'a str, Option<&'a str>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    stream_name: String,
    config: ConsumerConfig,
    action: Action,
}

impl ConsumerCreate {
    pub(crate) fn parse(stream: &str, form: Form<'_>, bytes: &[u8], strict: bool) -> Result<Self, ApiError> {
        let (body, pedantic) = body::decode_pedantic::<Body>(bytes, strict)?;
        if body.stream_name != stream {
            return Err(ErrorCode::StreamMismatch.error());
        }
        let mut config = body.config;
        match form {
            Form::Ephemeral => check_ephemeral(&config)?,
            Form::Durable(name) => check_durable(&config, name)?,
            Form::Named(name, filter) => check_named(&config, name, filter)?,
        }
        if let Form::Durable(name) | Form::Named(name, _) = form {
            config.name = name.into();
        }
        for name in [&config.name, &config.durable_name].into_iter().filter(|name| !name.is_empty()) {
            name::check_consumer(name)?;
        }
        support::check_consumer(&config)?;
        Ok(Self { action: body.action, pedantic, config })
    }
}

fn check_ephemeral(config: &ConsumerConfig) -> Result<(), ApiError> {
    if !config.durable_name.is_empty() {
        return Err(ErrorCode::ConsumerEphemeralWithDurableName.error());
    }
    Ok(())
}

fn check_durable(config: &ConsumerConfig, name: &str) -> Result<(), ApiError> {
    if config.durable_name.is_empty() {
        return Err(ErrorCode::ConsumerDurableNameNotSet.error());
    }
    if config.durable_name != name {
        return Err(ErrorCode::ConsumerDurableNameNotMatchSubject.error());
    }
    Ok(())
}

fn check_named(config: &ConsumerConfig, name: &str, filter: Option<&str>) -> Result<(), ApiError> {
    if !config.durable_name.is_empty() && config.durable_name != name {
        return Err(ErrorCode::ConsumerDurableNameNotMatchSubject.error());
    }
    let Some(filter) = filter else { return Ok(()) };
    if !config.filter_subjects.is_empty() {
        return Err(ErrorCode::ConsumerMultipleFiltersNotAllowed.error());
    }
    if config.filter_subject != filter {
        return Err(ErrorCode::ConsumerCreateFilterSubjectMismatch.error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: Form<'_> = Form::Named("c", None);
    const FILTERED: Form<'_> = Form::Named("c", Some("a.>"));
    const DURABLE: Form<'_> = Form::Durable("c");

    /// The body for stream `s` with these keys of the configuration.
    fn parse(form: Form<'_>, config: &str) -> Result<ConsumerCreate, u16> {
        let body = format!(r#"{{"stream_name":"s","config":{{{config}}}}}"#);
        ConsumerCreate::parse("s", form, body.as_bytes(), true).map_err(|error| error.err_code)
    }

    #[test]
    fn forms() {
        for (form, config, expected) in [
            (Form::Ephemeral, "", Ok("")),
            (Form::Ephemeral, r#""name":"x""#, Ok("x")),
            (Form::Ephemeral, r#""durable_name":"c""#, Err(10020)),
            (DURABLE, r#""durable_name":"c""#, Ok("c")),
            (DURABLE, "", Err(10018)),
            (DURABLE, r#""durable_name":"d""#, Err(10017)),
            (NAMED, "", Ok("c")),
            (NAMED, r#""durable_name":"c","name":"c""#, Ok("c")),
            (NAMED, r#""durable_name":"d""#, Err(10017)),
            (FILTERED, r#""filter_subject":"a.>""#, Ok("c")),
            (FILTERED, r#""filter_subject":"b""#, Err(10131)),
            (FILTERED, r#""filter_subjects":["a.>"]"#, Err(10137)),
            (NAMED, r#""filter_subjects":["a","b"]"#, Ok("c")),
            (Form::Named("a/b", None), "", Err(10127)),
            (NAMED, r#""num_replicas":3"#, Err(10074)),
            (NAMED, r#""priority_groups":["a"]"#, Err(10094)),
            (NAMED, r#""unheard_of":1"#, Err(10025)),
        ] {
            let found = parse(form, config).map(|create| create.config.name);
            assert_eq!(found, expected.map(str::to_owned), "{form:?} {config}");
        }
    }

    #[test]
    fn actions() {
        for (keys, expected) in [
            ("", Ok((Action::Either, false))),
            (r#","action":"""#, Ok((Action::Either, false))),
            (r#","action":"create","pedantic":true"#, Ok((Action::Create, true))),
            (r#","action":"update""#, Ok((Action::Update, false))),
            (r#","action":"replace""#, Err(10025)),
            (r#","pedantic":true,"more":1"#, Err(10157)),
        ] {
            let body = format!(r#"{{"stream_name":"s"{keys}}}"#);
            let found = ConsumerCreate::parse("s", NAMED, body.as_bytes(), false);
            let found = found.map(|create| (create.action, create.pedantic)).map_err(|error| error.err_code);
            assert_eq!(found, expected, "{keys}");
        }
        let other = ConsumerCreate::parse("t", NAMED, br#"{"stream_name":"s"}"#, false);
        assert_eq!(other.unwrap_err().err_code, 10056);
        assert_eq!(ConsumerCreate::parse("s", NAMED, b"", false).unwrap_err().err_code, 10056);
    }
}
