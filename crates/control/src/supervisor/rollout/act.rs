//! Carries out what the machine of the rollout asks for.

use logic::rollout::Action;

use super::super::Supervisor;

impl Supervisor {
    pub(super) fn act_on(&mut self, action: Action) {
        match action {
            Action::Route(routing) => self.route(routing),
            Action::Migrate => self.migrate(),
            Action::StopMigration => self.stop_migration(),
            Action::Run(instance) => self.run_instance(&instance),
            Action::Confirm(instance) => self.confirm(&instance),
            Action::Stop(instance) => self.stop_instance(&instance),
            Action::Judge(step) => self.judge(step),
            Action::Finish(outcome) => self.finish(&outcome),
        }
    }
}
