//! What is on the screen while a system is shown.

use model::{
    api::LogLine,
    status::{SystemPhase, SystemStatus},
};
use serde::Serialize;

use crate::{
    terminal::Terminal,
    view::{
        attach::Attach,
        lines::Lines,
        live::{self, Live},
        plain, summary,
        trouble::Troubles,
    },
};

/// An item of `isles up --json`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Item<'a> {
    Status(&'a SystemStatus),
    Log(&'a LogLine),
}

/// Shows events.
pub(crate) struct Screen<'a> {
    attach: &'a Attach<'a>,
    terminal: &'a mut Terminal,
    status: Option<SystemStatus>,
    troubles: Troubles,
    lines: Option<Lines>,
    /// The lines that are redrawn in place; `None` when they are frozen, or without a terminal.
    live: Option<Live>,
    is_up: bool,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(attach: &'a Attach<'a>, terminal: &'a mut Terminal, live: bool) -> Self {
        let live = live.then(|| Live::new(attach.begun));
        Self { attach, terminal, status: None, troubles: Troubles::default(), lines: None, live, is_up: false }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Shows a status; `last` if nothing will follow.
    pub(crate) fn status(&mut self, status: SystemStatus, last: bool) -> anyhow::Result<()> {
        self.lines.get_or_insert_with(|| Lines::new(&status, false)).widen(&status);
        if self.attach.json && (last || !self.attach.detach) {
            self.print_status(&status)?;
        }
        let before = self.status.replace(status);
        self.show_changes(before.as_ref());
        self.come_up()
    }

    fn print_status(&mut self, status: &SystemStatus) -> anyhow::Result<()> {
        if self.attach.detach {
            self.terminal.print_json(status)
        } else {
            self.terminal.print_json(&Item::Status(status))
        }
    }

    fn show_changes(&mut self, before: Option<&SystemStatus>) {
        let Some(status) = &self.status else { return };
        let news = self.troubles.news(status, self.terminal.err.paint);
        match &mut self.live {
            Some(live) => {
                live.settle(status, (self.attach.now)());
                self.erase();
                self.terminal.say(&news);
                self.draw();
            }
            None => self.terminal.say(&(plain::changes(before, status) + &news)),
        }
    }

    /// Freezes the lines and says where the gateway is, the first time that every service has been healthy.
    fn come_up(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.status.as_ref().filter(|status| status.phase == SystemPhase::Running) else {
            return Ok(());
        };
        if std::mem::replace(&mut self.is_up, true) {
            return Ok(());
        }
        self.live = None;
        if self.attach.json {
            return Ok(());
        }
        let tries = summary::tries(self.attach.system, self.attach.project, status.gateway);
        let taken = (self.attach.now)().since(self.attach.begun);
        let text = summary::render(status, taken, &tries, self.terminal.out.paint);
        Ok(self.terminal.print(&text)?)
    }

    /// Shows a log line. Detached, only builds are shown, as progress.
    pub(crate) fn log(&mut self, line: &LogLine) -> anyhow::Result<()> {
        if self.attach.detach && line.instance.is_some() {
            return Ok(());
        }
        self.erase();
        self.write(line)?;
        self.draw();
        Ok(())
    }

    fn write(&mut self, line: &LogLine) -> anyhow::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        if self.attach.detach {
            self.terminal.say(&lines.render(line, self.terminal.err.paint));
        } else if self.attach.json {
            self.terminal.print_json(&Item::Log(line))?;
        } else {
            self.terminal.print(&lines.render(line, self.terminal.out.paint))?;
        }
        Ok(())
    }

    /// Moves the spinners and the clock on.
    pub(crate) fn tick(&mut self) {
        if let Some(live) = &mut self.live {
            live.frame += 1;
            self.draw();
        }
    }

    /// Says that the system has ended.
    pub(crate) fn ended(&mut self) {
        self.live = None;
        if let Some(status) = &self.status {
            self.terminal.say(&format!("{} is down\n", status.name));
        }
    }

    fn erase(&mut self) {
        if let Some(live) = &mut self.live {
            self.terminal.say(&live.block.erase());
        }
    }

    fn draw(&mut self) {
        if let (Some(live), Some(status), Some(size)) = (&mut self.live, &self.status, self.terminal.size()) {
            let lines = live::render(live, status, (self.attach.now)(), size, self.terminal.err.paint);
            self.terminal.say(&live.block.redraw(&lines));
        }
    }
}
