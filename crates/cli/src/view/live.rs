//! One line a service, redrawn in place.

use std::collections::BTreeMap;

use model::{
    ServiceName, Timestamp,
    status::{ServicePhase, ServiceStatus, SystemStatus},
};

use crate::{
    paint::{Paint, Style},
    table::{self, Cell},
    terminal::Size,
    text,
    view::{block::Block, phase},
};

const SPINNER: [&str; 10] = [
    "\u{280b}", "\u{2819}", "\u{2839}", "\u{2838}", "\u{283c}", "\u{2834}", "\u{2826}", "\u{2827}", "\u{2807}",
    "\u{280f}",
];

/// What is on the screen, and since when.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    begun: Timestamp,
    /// When each service came up.
    settled: BTreeMap<ServiceName, Timestamp>,
    /// The picture of the spinners.
    pub(crate) frame: usize,
    pub(crate) block: Block,
}

impl Live {
    pub(crate) fn new(begun: Timestamp) -> Self {
        Self { begun, settled: BTreeMap::new(), frame: 0, block: Block::default() }
    }

    /// Notes which services are up. What falls back is on its way again.
    pub(crate) fn settle(&mut self, status: &SystemStatus, now: Timestamp) {
        for service in &status.services {
            if phase::is_settled(service.phase) {
                self.settled.entry(service.name.clone()).or_insert(now);
            } else {
                self.settled.remove(&service.name);
            }
        }
    }
}

/// The lines: mark, name, phase, replicas, time, and address or problem. Where they are more than the terminal has, those
/// that are up are left out first.
pub(crate) fn render(live: &Live, status: &SystemStatus, now: Timestamp, size: Size, paint: Paint) -> Vec<String> {
    let room = size.rows.saturating_sub(2).max(1);
    let mut services: Vec<_> = status.services.iter().collect();
    let left_out = services.len().saturating_sub(room);
    if left_out > 0 {
        services.sort_by_key(|service| (phase::is_settled(service.phase), !phase::is_stuck(service.phase)));
        services.truncate(room);
    }
    let rows = services.iter().map(|service| row(live, service, now)).collect();
    let text = table::render_rows(rows, Some(size.columns), paint);
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    if left_out > 0 {
        lines.push(format!("   and {left_out} more"));
    }
    lines
}

fn row(live: &Live, service: &ServiceStatus, now: Timestamp) -> Vec<Cell> {
    let until = live.settled.get(&service.name).copied().unwrap_or(now);
    let style = phase::of_service(service.phase);
    vec![
        Cell::new(mark(live.frame, service.phase), style),
        Cell::plain(service.name.as_str()),
        Cell::new(text::word(&service.phase), style),
        Cell::plain(super::replicas(service)),
        Cell::new(text::age(until.since(live.begun)), Style::Dim),
        detail(service),
    ]
}

fn mark(frame: usize, phase: ServicePhase) -> &'static str {
    match phase {
        ServicePhase::Healthy => "\u{2713}",
        ServicePhase::BuildFailed | ServicePhase::CrashLoop | ServicePhase::Unhealthy => "\u{2717}",
        ServicePhase::Degraded => "!",
        ServicePhase::Waiting | ServicePhase::Asleep | ServicePhase::Stopped => "\u{b7}",
        ServicePhase::Building | ServicePhase::Starting | ServicePhase::Stopping => SPINNER[frame % SPINNER.len()],
    }
}

fn detail(service: &ServiceStatus) -> Cell {
    match (&service.problem, service.address) {
        (Some(trouble), _) => Cell::new(text::clean(&trouble.cause, false), Style::Plain),
        (None, Some(address)) => Cell::new(address.to_string(), Style::Dim),
        (None, None) => Cell::new("", Style::Plain),
    }
}
