use model::{
    ByteSize, Timestamp,
    status::{InstanceStatus, SystemStatus},
};
use serde::Serialize;

use super::topic::summary;
use crate::{
    Context,
    exit::ExitCode,
    paint::Paint,
    table::{self, Cell},
    text,
    view::phase,
};

const HEAD: [&str; 8] = ["INSTANCE", "PHASE", "RELEASE", "PID", "ADDRESS", "UPTIME", "MEMORY", "CRASHES"];

#[derive(Serialize)]
struct Instances<'a> {
    instances: Vec<&'a InstanceStatus>,
}

pub(crate) async fn run(context: Context<'_>) -> anyhow::Result<ExitCode> {
    let client = context.client()?;
    let status = client.system().await?;
    if context.settings.json {
        context.terminal.print_json(&Instances { instances: instances(&status).collect() })?;
    } else {
        let topics = summary::ask(&client).await?;
        let text = render(&status, topics, (context.now)(), context.terminal.out.paint);
        context.terminal.print(&text)?;
    }
    Ok(ExitCode::Ok)
}

fn instances(status: &SystemStatus) -> impl Iterator<Item = &InstanceStatus> {
    status.services.iter().flat_map(|service| &service.instances)
}

/// One line an instance, and one of the topics.
pub(crate) fn render(status: &SystemStatus, topics: Option<Cell>, now: Timestamp, paint: Paint) -> String {
    let instances = table::render(&HEAD, instances(status).map(|instance| row(instance, now)).collect(), None, paint);
    let topics = topics.map(|topics| format!("\n{}", table::render_rows(vec![summary::row(topics)], None, paint)));
    instances + &topics.unwrap_or_default()
}

fn row(instance: &InstanceStatus, now: Timestamp) -> Vec<Cell> {
    vec![
        Cell::plain(instance.id.to_string()),
        Cell::new(text::word(&instance.phase), phase::of_instance(instance.phase)),
        Cell::plain(release(instance)),
        Cell::plain(instance.pid.map(|pid| pid.to_string()).unwrap_or_default()),
        Cell::plain(instance.address.clone().unwrap_or_default()),
        Cell::plain(instance.started_at.map(|at| text::age(now.since(at))).unwrap_or_default()),
        Cell::plain(instance.memory_bytes.map(|bytes| ByteSize(bytes).to_string()).unwrap_or_default()),
        Cell::plain(instance.crashes.to_string()),
    ]
}

/// Its number, and while two are there which of them.
fn release(instance: &InstanceStatus) -> String {
    let number = instance.release.map(|number| number.to_string());
    let side = instance.side.map(|side| side.to_string());
    number.into_iter().chain(side).collect::<Vec<_>>().join(" ")
}
