//! Reads values of the types that the manifest knows, and says what is wrong with those of another type.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    time::Duration,
};

use model::{
    ByteSize, ServiceName, TopicName, format_duration, parse_duration,
    spec::{Protocol, Upgrade},
};
use toml::de::DeValue;

use crate::{
    Folder,
    nearest::nearest,
    report::{Report, Span},
    table::{At, Entry, Table},
};

const DURATION_MAX: Duration = Duration::from_secs(30 * 86_400);

/// What reading needs to know and what it found.
pub(crate) struct Cx<'a> {
    pub report: Report,
    pub folder: &'a dyn Folder,
    /// The names of all services, valid or not, in the order of the text.
    pub services: Vec<&'a str>,
    /// What the services speak that say it rightly, and where they do.
    pub protocols: BTreeMap<&'a str, At<Protocol>>,
    /// Every topic that a service publishes.
    pub topics: BTreeSet<TopicName>,
    /// Whether `[streams]` names the certificates of a NATS server.
    pub nats_ca: bool,
    /// How services are upgraded that do not say it themselves.
    pub upgrade: Upgrade,
    /// Whether requests stay on the release that they entered on.
    pub pinned: bool,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(folder: &'a dyn Folder) -> Self {
        Self {
            report: Report::default(),
            folder,
            services: Vec::new(),
            protocols: BTreeMap::new(),
            topics: BTreeSet::new(),
            nats_ca: false,
            upgrade: Upgrade::default(),
            pinned: false,
        }
    }

    pub(crate) fn planned(&mut self, span: &Span, what: &str, why: &str, hint: &str) {
        self.report.error(span, format!("`{what}` is planned: {why}")).hint(hint);
    }

    pub(crate) fn wrong_type(&mut self, entry: &Entry, expected: &str, example: &str) {
        let found = type_name(entry.value);
        let message = format!("`{}` must be {expected}, not {found}", entry.key);
        self.report.error(&entry.span, message).hint(format!("write {example}"));
    }

    /// A string without NUL.
    pub(crate) fn text(&mut self, entry: &Entry<'a>, example: &str) -> Option<At<&'a str>> {
        let Some(value) = entry.value.as_str() else {
            self.wrong_type(entry, "a string", &format!("`{} = {example}`", show_key(entry.key)));
            return None;
        };
        self.no_nul(value, &entry.span).then(|| At { value, span: entry.span.clone() })
    }

    /// A command for `sh -c`.
    pub(crate) fn command(&mut self, entry: &Entry<'a>, example: &str) -> Option<At<&'a str>> {
        let text = self.text(entry, example)?;
        if text.value.trim().is_empty() {
            self.report.error(&text.span, format!("`{}` is empty", entry.key)).hint("write a command for `sh -c`");
        }
        Some(text)
    }

    fn no_nul(&mut self, value: &str, span: &Span) -> bool {
        let good = !value.contains('\0');
        if !good {
            self.report.error(span, "a string with a NUL byte").hint("no program can be given one: remove it");
        }
        good
    }

    /// An array of strings, none of them twice.
    pub(crate) fn texts(&mut self, entry: &Entry<'a>, example: &str) -> Vec<At<&'a str>> {
        let Some(array) = entry.value.as_array() else {
            self.wrong_type(entry, "an array of strings", &format!("`{} = [{example}]`", entry.key));
            return Vec::new();
        };
        let mut texts: Vec<At<&str>> = Vec::new();
        for item in array {
            let item = Entry { value: item.get_ref(), span: item.span(), ..entry.clone() };
            match item.value.as_str() {
                Some(value) => self.add_text(&mut texts, At { value, span: item.span }),
                None => self.wrong_type(&item, "an array of strings", &format!("`{} = [{example}]`", entry.key)),
            }
        }
        texts
    }

    /// The strings of a key, none if it is not there.
    pub(crate) fn texts_of(&mut self, table: &Table<'a>, key: &str, example: &str) -> Vec<At<&'a str>> {
        table.get(key).map(|entry| self.texts(&entry, example)).unwrap_or_default()
    }

    fn add_text(&mut self, texts: &mut Vec<At<&'a str>>, text: At<&'a str>) {
        if let Some(first) = texts.iter().find(|first| first.value == text.value) {
            let finding = self.report.error(&text.span, format!("`{}` is named twice", text.value));
            finding.hint("remove one of them").label(&first.span, "the first one");
        } else if self.no_nul(text.value, &text.span) {
            texts.push(text);
        }
    }

    /// A duration of at most 30 days.
    pub(crate) fn duration(&mut self, entry: &Entry<'a>) -> Option<Duration> {
        let text = self.text(entry, "\"5s\"")?;
        match parse_duration(text.value) {
            Ok(duration) if duration <= DURATION_MAX => return Some(duration),
            Ok(_) => {
                let message = format!("`{}` is longer than 30 days", entry.key);
                self.report.error(&text.span, message).hint("write a shorter duration, such as \"30s\"")
            }
            Err(error) => {
                let (message, hint) = split(&error.to_string());
                self.report.error(&text.span, message).hint(hint)
            }
        };
        None
    }

    /// An array of durations above 0.
    pub(crate) fn durations(&mut self, entry: &Entry<'a>) -> Vec<Duration> {
        let Some(array) = entry.value.as_array() else {
            self.wrong_type(entry, "an array of durations", &format!("`{} = [\"1s\", \"10s\"]`", entry.key));
            return Vec::new();
        };
        let items = array.iter().map(|item| Entry { value: item.get_ref(), span: item.span(), ..entry.clone() });
        let mut durations = Vec::new();
        for item in items {
            let Some(duration) = self.duration(&item) else { continue };
            if duration.is_zero() {
                let hint = "write a longer duration, or leave it out";
                self.report.error(&item.span, format!("a duration of `{}` is 0", entry.key)).hint(hint);
            }
            durations.push(duration);
        }
        durations
    }

    /// A duration of which 0 makes no sense.
    pub(crate) fn duration_above_zero(&mut self, entry: &Entry<'a>, default: Duration) -> Option<Duration> {
        let duration = self.duration(entry)?;
        if duration.is_zero() {
            let hint = format!("leave it out for the default of {}", format_duration(default));
            self.report.error(&entry.span, format!("`{}` must be more than 0", entry.key)).hint(hint);
        }
        Some(duration)
    }

    pub(crate) fn size(&mut self, entry: &Entry<'a>) -> Option<ByteSize> {
        let text = self.text(entry, "\"64MiB\"")?;
        let size = text.value.parse::<ByteSize>();
        size.map_err(|error| {
            let (message, hint) = split(&error.to_string());
            self.report.error(&text.span, message).hint(hint);
        })
        .ok()
    }

    pub(crate) fn integer(&mut self, entry: &Entry<'a>, range: RangeInclusive<u32>) -> Option<u32> {
        let Some(integer) = entry.value.as_integer() else {
            self.wrong_type(entry, "an integer", &format!("`{} = {}`", entry.key, range.start().max(&2)));
            return None;
        };
        let value = u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|value| range.contains(value));
        if value.is_none() {
            let hint = format!("write a number from {} to {}", range.start(), range.end());
            self.report.error(&entry.span, format!("`{}` is out of range", entry.key)).hint(hint);
        }
        value
    }

    pub(crate) fn boolean(&mut self, entry: &Entry<'a>) -> Option<bool> {
        let value = entry.value.as_bool();
        if value.is_none() {
            self.wrong_type(entry, "true or false", &format!("`{} = true`", entry.key));
        }
        value
    }

    /// A table; `name` is what its header would say.
    pub(crate) fn table(&mut self, entry: &Entry<'a>, name: String) -> Option<Table<'a>> {
        let Some(map) = entry.value.as_table() else {
            self.wrong_type(entry, "a table", &format!("`[{name}]`"));
            return None;
        };
        Some(Table::new(name, entry.key_span.clone(), map))
    }

    /// The name of a service of this manifest.
    pub(crate) fn service(&mut self, name: &At<&str>) -> Option<ServiceName> {
        if self.services.contains(&name.value) {
            return name.value.parse().ok();
        }
        let hint = match nearest(name.value, self.services.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.services.is_empty() => "no service is declared".into(),
            None => format!("the services are {}", self.services.join(", ")),
        };
        self.report.error(&name.span, format!("there is no service `{}`", name.value)).hint(hint).absence();
        None
    }
}

/// Splits the message of a unit's error into cause and hint.
fn split(message: &str) -> (String, String) {
    let (cause, hint) = message.split_once(": ").unwrap_or((message, ""));
    (cause.into(), hint.into())
}

fn show_key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if bare { key.into() } else { format!("{key:?}") }
}

fn type_name(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
