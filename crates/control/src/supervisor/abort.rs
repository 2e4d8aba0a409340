//! A person takes back what is under way, or what waits for its end.

use logic::rollout::Command;
use model::{Problem, api::RolloutStatus};
use tokio::sync::oneshot;

use super::{Supervisor, request::Answer, rollout};

/// Who has aborted something. The answer is the rollout that goes back; none if it had not begun, and nothing is left of it.
pub(super) type Aborter = oneshot::Sender<Answer<Option<RolloutStatus>>>;

impl Supervisor {
    /// Takes back the rollout under way, else ends the making of a release, else gives up what waits first; or, with a place in the
    /// queue, only what waits there.
    pub(super) fn abort(&mut self, queued: Option<u32>, aborter: Aborter) {
        if let Some(place) = queued {
            let is_given_up = self.deploys.give_up_waiting(place, aborted());
            let _ = aborter.send(is_given_up.then_some(None).ok_or_else(|| not_queued(place)));
        } else if self.is_active() {
            self.say(Command::Abort, Box::new(|status| drop(aborter.send(status.map(Some)))));
        } else if let Some(making) = self.deploys.give_up(aborted()) {
            making.aborters.push(aborter);
        } else {
            let is_given_up = self.deploys.give_up_waiting(1, aborted());
            let _ = aborter.send(is_given_up.then_some(None).ok_or_else(rollout::nothing_under_way));
        }
    }
}

fn aborted() -> Box<Problem> {
    let hint = "what runs is as it was; deploy again if this was not meant";
    Box::new(Problem::new(409, "aborted", "a person has aborted it before its rollout began", hint))
}

fn not_queued(place: u32) -> Box<Problem> {
    let hint = "see `isles rollout` for how many wait; `isles abort` alone takes back what is under way";
    let problem = Problem::new(404, "not-queued", "nothing waits there", hint);
    Box::new(problem.with_detail(format!("nothing waits at place {place} of the queue")))
}
