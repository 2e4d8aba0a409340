//! What differs between two releases, as lines.

use std::collections::BTreeMap;

use model::{
    ServiceName,
    api::{Change, PlannedService},
};

use crate::{
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 5] = ["SERVICE", "CHANGE", "INSTANCES", "AT MOST", "WHAT"];

/// What differs.
pub(super) struct Changes<'a> {
    pub(super) services: &'a [PlannedService],
    pub(super) others: &'a [String],
    /// Whether that is what a rollout would do, with so many instances at the most.
    pub(super) is_plan: bool,
}

/// A line a service, and one for each other thing.
pub(super) fn render(changes: &Changes<'_>, columns: Option<usize>, paint: Paint) -> String {
    let Changes { services, others, is_plan } = *changes;
    let mut text = String::new();
    if !services.is_empty() {
        let head: Vec<_> = HEAD.into_iter().filter(|name| is_plan || *name != "AT MOST").collect();
        text.push_str(&table::render(
            &head,
            services.iter().map(|service| row(service, is_plan)).collect(),
            columns,
            paint,
        ));
    }
    others.iter().for_each(|other| text.push_str(&format!("{other}\n")));
    text
}

/// The services whose own strategy does not apply, a line each.
pub(super) fn overruled(overruled: &BTreeMap<ServiceName, String>) -> String {
    let line = |(service, strategy): (&ServiceName, &String)| {
        format!(
            "the {strategy} of {service} does not apply: services that change have different strategies; \
             give them the same `[services.NAME.upgrade]`, or set `[upgrade]`\n"
        )
    };
    overruled.iter().map(line).collect()
}

fn row(service: &PlannedService, is_plan: bool) -> Vec<Cell> {
    let PlannedService { old, new, most, .. } = service;
    let instances = if old == new { new.to_string() } else { format!("{old} -> {new}") };
    let cells = [
        Some(Cell::plain(service.service.as_str())),
        Some(Cell::new(text::word(&service.change), style(service.change))),
        Some(Cell::plain(instances)),
        is_plan.then(|| Cell::plain(most.to_string())),
        Some(Cell::plain(what(service))),
    ];
    cells.into_iter().flatten().collect()
}

fn what(service: &PlannedService) -> String {
    match service.change {
        Change::Second => "a second set, for it lies between services that change".into(),
        _ => service.parts.join(", "),
    }
}

fn style(change: Change) -> Style {
    match change {
        Change::Added => Style::Good,
        Change::Replaced | Change::Second => Style::Busy,
        Change::Adjusted => Style::Plain,
        Change::Removed => Style::Bad,
    }
}
