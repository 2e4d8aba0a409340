//! Stopping: callers first, wave by wave, and then Isles itself.

use std::collections::VecDeque;

use logic::{order, service::Event};
use model::{ServiceName, status::SystemPhase};
use ports::workloads::WorkloadId;

use super::{Supervisor, input::Input};

const SIGINT: i32 = 2;
/// The exit code after SIGINT, as shells give it.
const INTERRUPTED: u8 = 130;

/// A stop under way.
pub(super) struct Stop {
    code: u8,
    waves: VecDeque<Vec<ServiceName>>,
    current: Vec<ServiceName>,
}

impl Supervisor {
    /// Begins to stop everything; the exit code is `code`. A second call changes nothing.
    pub(super) fn begin_stop(&mut self, code: u8) {
        if self.stop.is_some() {
            return;
        }
        self.phase = SystemPhase::Stopping;
        self.builder.closing.cancel();
        let mut waves: VecDeque<_> = order::stop_waves(self.system()).into();
        let others = self.services.keys().filter(|name| !self.system().services.contains_key(*name));
        waves.push_front(others.cloned().collect());
        self.kill_migrations();
        self.stop = Some(Stop { code, waves, current: Vec::new() });
    }

    /// A signal asked for the end: the first politely, the second at once.
    pub(super) fn stop_requested(&mut self, signal: i32) {
        if self.stop.is_none() {
            return self.begin_stop(if signal == SIGINT { INTERRUPTED } else { 0 });
        }
        for id in self.services.values().flat_map(|service| service.instances.keys()) {
            self.kill(WorkloadId::Instance(id.clone()));
        }
    }

    /// Begins the next wave once the one before it has stopped.
    pub(super) fn go_on_stopping(&mut self) {
        while let Some(stop) = &mut self.stop {
            let is_stopped = |name: &ServiceName| self.services.get(name).is_none_or(|service| service.stopped);
            if !stop.current.iter().all(is_stopped) {
                return;
            }
            let Some(wave) = stop.waves.pop_front() else {
                if self.removing.is_empty() {
                    self.exit = Some(stop.code);
                }
                return;
            };
            stop.current = wave.clone();
            for name in wave {
                if let Some(service) = self.services.get_mut(&name) {
                    service.told_to_stop = true;
                }
                self.tell(&name, Event::Stop);
            }
        }
    }

    pub(super) fn kill(&self, id: WorkloadId) {
        let workloads = self.engines.workloads.clone();
        self.beside("kill", async move {
            workloads.kill(&id).await;
            Input::Nothing
        });
    }
}
