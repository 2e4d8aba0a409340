use std::pin::pin;

use client::{Client, Deployed};
use model::{
    api::{Conflict, Deploy, DeployPlan, LogQuery},
    spec::System,
};

use super::{
    changes::{self, Changes},
    rollout,
};
use crate::{
    Context,
    args::DeployArgs,
    exit::ExitCode,
    paint::Paint,
    text,
    view::{lines::Lines, rollout::is_given_up, tail::Tail},
};

pub(crate) async fn run(mut context: Context<'_>, args: &DeployArgs) -> anyhow::Result<ExitCode> {
    // What is wrong with the manifest is shown with its places before anything is asked for.
    let system = context.settings.project()?.system(context.terminal.err.paint.on)?;
    let client = context.client()?;
    let deploy = Deploy {
        services: args.services.clone(),
        dry_run: args.dry_run,
        if_match: args.if_match,
        conflict: if args.supersede { Conflict::Supersede } else { Conflict::Queue },
    };
    if !args.dry_run && !context.settings.json {
        say_what_is_under_way(&mut context, &client, args).await;
    }
    match building(&mut context, &client, &deploy).await? {
        Some(Deployed::Plan(plan)) => show(context, args, &plan, &system),
        Some(Deployed::Rollout(status)) => rollout::begun(context, &client, *status, args.detach).await,
        None => {
            context.terminal.say(&(is_given_up(context.settings) + "\n"));
            Ok(ExitCode::Interrupted)
        }
    }
}

/// A deploy during a rollout has to wait.
async fn say_what_is_under_way(context: &mut Context<'_>, client: &Client, args: &DeployArgs) {
    if let Ok(status) = client.rollout().await
        && status.ended_at.is_none()
    {
        let end = if args.supersede { "it goes back first" } else { "this deploy waits for its end" };
        context.terminal.say(&format!("release {} is being rolled out: {end}\n", status.to));
    }
}

/// Deploys, and shows what the builds write meanwhile; `None` if Ctrl-C was pressed.
async fn building(context: &mut Context<'_>, client: &Client, deploy: &Deploy) -> anyhow::Result<Option<Deployed>> {
    let mut lines = Lines::new(&client.system().await?, false);
    let mut tail = Tail::new(client, LogQuery { since: Some((context.now)().0), follow: true, ..LogQuery::default() });
    let mut deployed = pin!(client.deploy(deploy));
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            biased;
            deployed = &mut deployed => return Ok(Some(deployed?)),
            end = &mut interrupted => return Ok(end.map(|()| None)?),
            Ok(Some(line)) = tail.next() => {
                if line.instance.is_none() && !context.settings.json {
                    let text = lines.render(&line, context.terminal.err.paint);
                    context.terminal.say(&text);
                }
            }
        }
    }
}

fn show(context: Context<'_>, args: &DeployArgs, plan: &DeployPlan, system: &System) -> anyhow::Result<ExitCode> {
    if context.settings.json {
        context.terminal.print_json(plan)?;
        return Ok(ExitCode::Ok);
    }
    let text = render(plan, context.columns(), context.terminal.out.paint);
    context.terminal.print(&text)?;
    if args.services.is_empty() {
        context.terminal.say(&in_place(system, &context.settings.project()?.command("restart")));
    }
    if !is_empty(plan) {
        let services: String = args.services.iter().map(|service| format!("{service} ")).collect();
        let command = context.settings.project()?.command(&format!("deploy {services}--if-match {}", plan.index));
        let unless = "unless another release or number of instances is there by then; the manifest and the sources are read anew";
        context.terminal.say(&format!("`{command}` does this, {unless}\n"));
    }
    Ok(ExitCode::Ok)
}

fn is_empty(plan: &DeployPlan) -> bool {
    plan.services.is_empty() && plan.others.is_empty()
}

/// What a deploy would do, and what that costs meanwhile.
pub(crate) fn render(plan: &DeployPlan, columns: Option<usize>, paint: Paint) -> String {
    if is_empty(plan) {
        return format!("nothing differs from release {}, which runs\n", plan.from);
    }
    let strategy = plan.strategy.as_deref().unwrap_or("no instance is replaced");
    let head = format!("from release {}, index {}: {strategy}\n", plan.from, plan.index);
    let changes = Changes { services: &plan.services, others: &plan.others, is_plan: true };
    head + &changes::render(&changes, columns, paint) + &changes::overruled(&plan.overruled) + &cost(plan)
}

/// Of what runs in place nobody knows whether its files have changed.
pub(crate) fn in_place(system: &System, restart: &str) -> String {
    let in_place = system.services.iter().filter(|(_, service)| service.runs_in_place());
    let names: Vec<_> = in_place.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    let (all, each) = (names.join(", "), names.join(" "));
    format!("not compared, for it runs in place: {all}; `{restart} {each}` takes up what was edited\n")
}

fn cost(plan: &DeployPlan) -> String {
    let more: u32 = plan.services.iter().map(|service| service.most.saturating_sub(service.old)).sum();
    if more == 0 {
        String::new()
    } else {
        format!("at most {} meanwhile\n", text::count(more as usize, "more instance"))
    }
}
