//! A rollout in a few lines: where it stands, and both releases of each service side by side.

use model::{
    Timestamp,
    api::{RolloutPhase, RolloutService, RolloutSide, RolloutStatus},
    spec::Side,
};

use crate::{
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 7] = ["SERVICE", "RELEASE", "INSTANCES", "HEALTHY", "REQUESTS", "SUCCESS", "P99"];

/// The lines; each is at most `columns` wide.
pub(crate) fn picture(status: &RolloutStatus, now: Timestamp, columns: Option<usize>, paint: Paint) -> String {
    let head = table::render_rows(head(status, now), columns, paint);
    let rows: Vec<_> = status.services.iter().flat_map(|service| rows(status, service)).collect();
    format!("{head}\n{}", table::render(&HEAD, rows, columns, paint))
}

fn head(status: &RolloutStatus, now: Timestamp) -> Vec<Vec<Cell>> {
    let change = change(status);
    let phase = Cell::new(format!("{}: {}", phase(status), status.what), style(status));
    let mut rows = vec![field("rollout", change), vec![Cell::new("phase", Style::Dim), phase]];
    rows.push(field("time", time(status, now)));
    rows.extend(status.preview.iter().map(|(service, address)| field("preview", format!("{service} at {address}"))));
    if status.queued > 0 {
        rows.push(field("queue", format!("{} behind it", text::count(status.queued as usize, "deploy"))));
    }
    rows
}

/// The rollout in one line.
pub(crate) fn brief(status: &RolloutStatus) -> String {
    format!("{}: {}", change(status), phase(status))
}

fn change(status: &RolloutStatus) -> String {
    format!("release {} for {}, {}", status.to, status.from, strategy(status))
}

fn field(name: &str, value: String) -> Vec<Cell> {
    vec![Cell::new(name, Style::Dim), Cell::plain(value)]
}

/// `canary, step 2 of 3, 25%`.
pub(crate) fn strategy(status: &RolloutStatus) -> String {
    let step = status.step.map(|(step, of)| format!("step {step} of {of}"));
    let weight = status.weight_percent.map(|weight| format!("{weight}%"));
    [Some(status.strategy.clone()), step, weight].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The phase as a word or two.
pub(super) fn phase(status: &RolloutStatus) -> String {
    let paused = if status.paused { ", paused" } else { "" };
    text::word(&status.phase) + paused
}

fn style(status: &RolloutStatus) -> Style {
    match status.phase {
        RolloutPhase::Promoted => Style::Good,
        RolloutPhase::Restoring | RolloutPhase::RolledBack => Style::Bad,
        _ if status.paused => Style::Worrying,
        _ => Style::Busy,
    }
}

fn time(status: &RolloutStatus, now: Timestamp) -> String {
    let lasted = text::age(status.ended_at.unwrap_or(now).since(status.began_at));
    match (status.ended_at, status.deadline_at) {
        (Some(at), _) => format!("{lasted}, ended {}", text::ago(Some(at), now)),
        (None, Some(deadline)) => format!("{lasted}, at most {} more without progress", text::age(deadline.since(now))),
        (None, None) => lasted,
    }
}

fn rows(status: &RolloutStatus, service: &RolloutService) -> Vec<Vec<Cell>> {
    let row = |(at, side): (usize, &RolloutSide)| {
        let name = if at == 0 { service.service.as_str() } else { "" };
        let release = if side.side == Side::Old { status.from } else { status.to };
        let is_up = side.healthy >= side.wanted;
        vec![
            Cell::new(name, Style::Plain),
            Cell::plain(format!("{release} {}", side.side)),
            Cell::plain(side.instances.to_string()),
            Cell::new(format!("{}/{}", side.healthy, side.wanted), if is_up { Style::Good } else { Style::Busy }),
            Cell::plain(side.requests.to_string()),
            success(side),
            Cell::plain(side.p99_us.map(text::latency).unwrap_or_default()),
        ]
    };
    service.sides.iter().enumerate().map(row).collect()
}

/// The share of requests that did not fail.
fn success(side: &RolloutSide) -> Cell {
    let style = if side.failures > 0 { Style::Bad } else { Style::Plain };
    let text = success_percent(side).map(|percent| format!("{percent}%"));
    text.map_or(Cell::plain(""), |text| Cell::new(text, style))
}

/// In hundredths of a percent, rounded down, so that 100 means that none failed.
pub(super) fn success_percent(side: &RolloutSide) -> Option<String> {
    let succeeded = side.requests.saturating_sub(side.failures);
    let hundredths = (u128::from(succeeded) * 10_000).checked_div(u128::from(side.requests))?;
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    Some(if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:02}") })
}
