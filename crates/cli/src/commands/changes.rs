//! What differs between two releases, as lines.

use model::api::{Change, PlannedService};

use crate::{
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 5] = ["SERVICE", "CHANGE", "INSTANCES", "AT MOST", "WHAT"];

/// A line a service, and one for each other thing.
pub(super) fn render(services: &[PlannedService], others: &[String], columns: Option<usize>, paint: Paint) -> String {
    let mut text = String::new();
    if !services.is_empty() {
        text.push_str(&table::render(&HEAD, services.iter().map(row).collect(), columns, paint));
    }
    others.iter().for_each(|other| text.push_str(&format!("{other}\n")));
    text
}

fn row(service: &PlannedService) -> Vec<Cell> {
    let PlannedService { old, new, most, .. } = service;
    let instances = if old == new { new.to_string() } else { format!("{old} -> {new}") };
    vec![
        Cell::plain(service.service.as_str()),
        Cell::new(text::word(&service.change), style(service.change)),
        Cell::plain(instances),
        Cell::plain(most.to_string()),
        Cell::plain(what(service)),
    ]
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
