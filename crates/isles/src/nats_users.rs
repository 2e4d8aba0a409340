//! `isles nats-users`: the services as users of a nats-server.

use std::process::ExitCode;

use cli::{report::UserError, settings::Settings, terminal::Terminal};

/// Prints what the server's configuration includes.
pub(crate) fn run(settings: &Settings, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    settings.refuse_json("users of a NATS server are written for its configuration")?;
    let system = settings.project()?.system(terminal.err.paint.on)?;
    let users = streams::nats_users(&system).ok_or_else(|| {
        let hint = "say `engine = \"nats\"`, its `url` with a user for Isles, and `users = true` in `[streams]`";
        UserError::failed("the services are no users of a NATS server", hint)
    })?;
    terminal.print(&users)?;
    Ok(ExitCode::SUCCESS)
}
