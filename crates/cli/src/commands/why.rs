use model::{
    ServiceName, Timestamp,
    api::{Finding, ServiceEvent, Why},
    status::{Failure, Trouble},
};

use crate::{
    Context,
    exit::ExitCode,
    paint::{Paint, Style},
    table::{self, Cell},
    text,
    view::trouble,
};

/// What fits one screen: of each list, the newest or most important.
const LINES_MAX: usize = 10;
const FINDINGS_MAX: usize = 4;

pub(crate) async fn run(context: Context<'_>, service: &ServiceName) -> anyhow::Result<ExitCode> {
    let why = context.client()?.why(service).await?;
    if context.settings.json {
        context.terminal.print_json(&why)?;
    } else {
        let text = render(&why, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// One screen: the summary, what is wrong now, which requests failed, what was counted, and what happened. A request takes a third of
/// the columns at the most, where they are given, so that its reason stands on the same line.
pub(crate) fn render(why: &Why, now: Timestamp, columns: Option<usize>, paint: Paint) -> String {
    let room = columns.map_or(usize::MAX, |columns| columns / 3);
    let mut screen = format!("{}\n", paint.apply(Style::Bold, &why.summary));
    for (whose, trouble) in troubles(why) {
        screen.push_str(&format!("\n{}", trouble::render(whose, trouble, paint)));
    }
    for finding in why.findings.iter().filter(|finding| finding.now).take(FINDINGS_MAX) {
        screen.push_str(&format!("\n{}", urgent(finding, paint)));
    }
    let failures = alike(&why.failures).into_iter().take(LINES_MAX);
    let failures = failures.map(|(last, count)| failure_row(last, count, now, room));
    section(&mut screen, "failed requests", failures.collect(), paint);
    let counted = why.findings.iter().filter(|finding| !finding.now).take(FINDINGS_MAX).flat_map(counted_rows);
    section(&mut screen, "since Isles started", counted.collect(), paint);
    let events = why.events.iter().skip(why.events.len().saturating_sub(LINES_MAX)).map(|event| event_row(event, now));
    section(&mut screen, "events", events.collect(), paint);
    screen
}

/// The service's trouble and those of its instances, each cause once.
fn troubles(why: &Why) -> Vec<(&str, &Trouble)> {
    let own = why.service.problem.iter();
    let instances = why.service.instances.iter().filter_map(|instance| instance.problem.as_ref());
    let mut troubles: Vec<(&str, &Trouble)> = Vec::new();
    for trouble in own.chain(instances) {
        if troubles.iter().all(|(_, known)| known.cause != trouble.cause) {
            troubles.push((why.service.name.as_str(), trouble));
        }
    }
    troubles
}

fn urgent(finding: &Finding, paint: Paint) -> String {
    let (mark, hint) = (paint.apply(Style::Worrying, "warning:"), paint.apply(Style::Busy, "hint:"));
    format!("{mark} {}: {}\n{hint} {}\n", finding.connection, finding.what, finding.hint)
}

fn counted_rows(finding: &Finding) -> [Vec<Cell>; 2] {
    let connection = Cell::new(format!("  {}", finding.connection), Style::Plain);
    let hint = Cell::new(format!("hint: {}", finding.hint), Style::Dim);
    [vec![connection, Cell::plain(&finding.what)], vec![Cell::new("", Style::Plain), hint]]
}

fn section(screen: &mut String, title: &str, rows: Vec<Vec<Cell>>, paint: Paint) {
    if !rows.is_empty() {
        let title = paint.apply(Style::Dim, title);
        screen.push_str(&format!("\n{title}\n{}", table::render_rows(rows, None, paint)));
    }
}

fn event_row(event: &ServiceEvent, now: Timestamp) -> Vec<Cell> {
    let whose = event.instance.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![ago(event.at, now), Cell::plain(whose), Cell::plain(&event.what)]
}

/// The last one of each kind, in their order, and how many there are of it.
fn alike(failures: &[Failure]) -> Vec<(&Failure, usize)> {
    let is_alike = |a: &Failure, b: &Failure| {
        let kind = |one: &Failure| (one.reason, one.status);
        (&a.connection, &a.request, kind(a), &a.instances) == (&b.connection, &b.request, kind(b), &b.instances)
    };
    let mut kinds: Vec<(&Failure, usize)> = Vec::new();
    for failure in failures {
        match kinds.iter_mut().find(|(last, _)| is_alike(last, failure)) {
            Some((_, count)) => *count += 1,
            None => kinds.push((failure, 1)),
        }
    }
    kinds
}

fn failure_row(failure: &Failure, count: usize, now: Timestamp, room: usize) -> Vec<Cell> {
    let tried: Vec<_> = failure.instances.iter().map(ToString::to_string).collect();
    let tried = (!tried.is_empty()).then(|| format!("tried {}", tried.join(", ")));
    let notes: Vec<_> = tried.into_iter().chain((count > 1).then(|| format!("{count} times"))).collect();
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
    vec![
        ago(failure.at, now),
        Cell::plain(&failure.connection),
        Cell::plain(text::fit(&failure.request, room)),
        Cell::new(failure.cause(), Style::Bad),
        Cell::plain(format!("{}{notes}", failure.detail).trim_start()),
    ]
}

fn ago(at: Timestamp, now: Timestamp) -> Cell {
    Cell::new(format!("  {} ago", text::age(now.since(at))), Style::Dim)
}
