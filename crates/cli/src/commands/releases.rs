use model::{
    ServiceName, Timestamp,
    api::{Release, ReleaseState},
};

use crate::{
    Context,
    exit::ExitCode,
    paint::{Paint, Style},
    table::{self, Cell},
    text,
};

const HEAD: [&str; 5] = ["RELEASE", "STATE", "MADE", "CHANGED", "REASON"];

pub(crate) async fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let releases = context.client()?.releases().await?;
    if context.settings.json {
        releases.iter().try_for_each(|release| context.terminal.print_json(release))?;
    } else {
        let text = render(&releases, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// A line a release, the newest first.
pub(crate) fn render(releases: &[Release], now: Timestamp, columns: Option<usize>, paint: Paint) -> String {
    let mut newest: Vec<_> = releases.iter().collect();
    newest.sort_by_key(|release| std::cmp::Reverse(release.number));
    table::render(&HEAD, newest.into_iter().map(|release| row(release, now)).collect(), columns, paint)
}

fn row(release: &Release, now: Timestamp) -> Vec<Cell> {
    let names = |changed: &Vec<ServiceName>| changed.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(",");
    let changed = release.changed.as_ref().map_or("unknown".into(), names);
    vec![
        Cell::plain(release.number.to_string()),
        Cell::new(text::word(&release.state), style(release.state)),
        Cell::plain(text::ago(Some(release.at), now)),
        Cell::plain(changed),
        Cell::plain(release.reason.as_deref().map(|reason| text::clean(reason, false)).unwrap_or_default()),
    ]
}

fn style(state: ReleaseState) -> Style {
    match state {
        ReleaseState::Running => Style::Good,
        ReleaseState::RollingOut => Style::Busy,
        ReleaseState::RolledBack => Style::Bad,
        ReleaseState::Stored | ReleaseState::Retired => Style::Plain,
    }
}
