//! `publishes` and `subscribes`: the topics of a service, and rules over the topics of all.

use std::collections::{BTreeMap, BTreeSet};

use model::{Gather, InvalidTopic, TopicName};

use crate::{
    nearest::nearest,
    read::Cx,
    report::Span,
    service::Draft,
    table::{At, Entry, Table},
};

/// The topics that the service of an entry of `[services]` publishes, those that are named rightly.
pub(crate) fn peek<'a>(service: &Entry<'a>) -> Vec<TopicName> {
    let key = service.value.as_table().and_then(|table| table.get_key_value("publishes"));
    let names = key.and_then(|(_, names)| names.get_ref().as_array()).into_iter().flatten();
    names.filter_map(|name| name.get_ref().as_str()?.parse().ok()).collect()
}

/// The topics that a service publishes, and where it says so.
pub(crate) fn published<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> (BTreeSet<TopicName>, Vec<At<TopicName>>) {
    let names = cx.texts_of(table, "publishes", "\"orders.placed\"");
    let places: Vec<_> = names.iter().filter_map(|name| topic(cx, name)).collect();
    (places.iter().map(|at| at.value.clone()).gather(), places)
}

/// The topics that a service subscribes to, wildcards expanded.
pub(crate) fn subscribed<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> BTreeSet<TopicName> {
    let filters = cx.texts_of(table, "subscribes", "\"orders.placed\"");
    filters.iter().flat_map(|filter| expand(cx, filter)).gather()
}

/// A topic by its name, if it can be one.
pub(crate) fn topic(cx: &mut Cx, name: &At<&str>) -> Option<At<TopicName>> {
    let hint = match name.value.parse() {
        Ok(value) => return Some(At { value, span: name.span.clone() }),
        Err(InvalidTopic::Wildcard) => "name each topic that is published; `subscribes` may have wildcards".to_owned(),
        Err(error) => error.to_string(),
    };
    cx.report.error(&name.span, format!("`{}` cannot be the name of a topic", name.value)).hint(hint);
    None
}

fn expand(cx: &mut Cx, filter: &At<&str>) -> Vec<TopicName> {
    let text = filter.value;
    match text.parse::<TopicName>() {
        Ok(name) if cx.topics.contains(&name) => return vec![name],
        Ok(_) => nobody_publishes(cx, filter),
        Err(InvalidTopic::Wildcard) if is_filter(text) => {
            let fitting: Vec<_> = cx.topics.iter().filter(|topic| fits(text, topic.as_str())).cloned().collect();
            if fitting.is_empty() {
                let hint = known(cx);
                cx.report.error(&filter.span, format!("no topic fits `{text}`")).hint(hint).absence();
            }
            return fitting;
        }
        Err(error) => {
            let hint = match error {
                InvalidTopic::Wildcard => "`*` stands for one word, and `>` at the end for one or more".into(),
                error => error.to_string(),
            };
            cx.report.error(&filter.span, format!("`{text}` cannot be subscribed to")).hint(hint);
        }
    }
    Vec::new()
}

/// Reports a topic that no service publishes.
pub(crate) fn nobody_publishes(cx: &mut Cx, name: &At<&str>) {
    let near =
        nearest(name.value, cx.topics.iter().map(TopicName::as_str)).map(|near| format!("did you mean `{near}`?"));
    let hint = near.unwrap_or_else(|| known(cx));
    cx.report.error(&name.span, format!("nobody publishes `{}`", name.value)).hint(hint).absence();
}

fn known(cx: &Cx) -> String {
    let names: Vec<_> = cx.topics.iter().map(TopicName::as_str).collect();
    if names.is_empty() {
        return "no service has `publishes`".into();
    }
    format!("the topics are {}", names.join(", "))
}

fn is_filter(text: &str) -> bool {
    let tokens: Vec<_> = text.split('.').collect();
    let rest = tokens.iter().position(|token| *token == ">");
    tokens.iter().all(|token| !token.is_empty()) && rest.is_none_or(|at| at + 1 == tokens.len())
}

/// Whether the filter stands for the topic.
fn fits(filter: &str, topic: &str) -> bool {
    let mut words = topic.split('.');
    for token in filter.split('.') {
        match (token, words.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (token, Some(word)) if token == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

/// Two topics may not be kept by one stream.
pub(crate) fn check_streams(cx: &mut Cx, drafts: &[Draft]) {
    let mut streams: BTreeMap<String, (TopicName, Span)> = BTreeMap::new();
    for at in drafts.iter().flat_map(|draft| &draft.publishes) {
        let (first, place) =
            streams.entry(at.value.stream()).or_insert_with(|| (at.value.clone(), at.span.clone())).clone();
        if first != at.value {
            let message =
                format!("`{}` and `{first}` would both be kept by the stream `{}`", at.value, at.value.stream());
            let finding = cx.report.error(&at.span, message);
            finding.hint("name one of them otherwise: a dot and `_` make no difference").label(&place, "the other one");
        }
    }
}
