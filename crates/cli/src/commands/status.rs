use model::{
    Timestamp,
    api::RolloutStatus,
    status::{ServiceStatus, SystemStatus},
};

use super::topic::summary;
use crate::{
    Context,
    exit::ExitCode,
    paint::{Paint, Style},
    table::{self, Cell},
    text,
    view::{phase, replicas, rollout::brief},
};

const HEAD: [&str; 6] = ["SERVICE", "PHASE", "REPLICAS", "INBOUND", "CALLS", "PROBLEM"];

pub(crate) async fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = client.system().await?;
    if context.settings.json {
        context.terminal.print_json(&status)?;
    } else {
        let topics = summary::ask(&client).await?;
        let rollout = client.rollout().await.ok().filter(|rollout| rollout.ended_at.is_none());
        let more = (rollout.as_ref(), topics);
        let text = render(&status, more, (context.now)(), context.columns(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// The system's lines, that of a rollout under way, that of its topics, an empty one, and the services, whose lines are at most
/// `columns` wide.
pub(crate) fn render(
    status: &SystemStatus,
    (rollout, topics): (Option<&RolloutStatus>, Option<Cell>),
    now: Timestamp,
    columns: Option<usize>,
    paint: Paint,
) -> String {
    let services = table::render(&HEAD, status.services.iter().map(row).collect(), columns, paint);
    let mut head = head(status, now);
    head.extend(rollout.map(|rollout| field("rollout", brief(rollout))));
    head.extend(topics.map(summary::row));
    format!("{}\n{services}", table::render_rows(head, None, paint))
}

fn head(status: &SystemStatus, now: Timestamp) -> Vec<Vec<Cell>> {
    let phase = text::word(&status.phase);
    let age = status.up_since.map(|at| format!(" up {},", text::age(now.since(at)))).unwrap_or_default();
    let system = format!("{} {phase},{age} isles {}, pid {}", status.name, status.version, status.keeper_pid);
    let mut rows = vec![field("system", system)];
    rows.extend(
        status.gateway.map(|gateway| field("gateway", format!("{}://{gateway}", text::scheme(status.gateway_tls)))),
    );
    rows.extend(status.problem.iter().flat_map(|trouble| {
        [
            vec![Cell::new("problem", Style::Dim), Cell::new(&trouble.cause, Style::Bad)],
            field("hint", trouble.hint.clone()),
        ]
    }));
    rows.extend(status.notices.iter().map(|notice| field("notice", notice.clone())));
    rows
}

fn field(name: &str, value: String) -> Vec<Cell> {
    vec![Cell::new(name, Style::Dim), Cell::plain(value)]
}

fn row(service: &ServiceStatus) -> Vec<Cell> {
    let calls: Vec<_> = service.calls.iter().map(model::ServiceName::as_str).collect();
    vec![
        Cell::plain(service.name.to_string()),
        Cell::new(text::word(&service.phase), phase::of_service(service.phase)),
        Cell::plain(format!("{}{}", replicas(service), if service.fixed { " fixed" } else { "" })),
        Cell::plain(text::word(&service.inbound)),
        Cell::plain(calls.join(",")),
        Cell::plain(service.problem.as_ref().map(|trouble| trouble.cause.clone()).unwrap_or_default()),
    ]
}
