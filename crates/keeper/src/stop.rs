//! Why a keeper ends: it was asked to, the platform process failed, or its state folder is gone.

use std::time::Duration;

use crate::{host, keeper::Keeper, protocol::Event, protocol::Message, say::say};

/// The platform process decides how long stopping takes; after so long it has failed to.
const STOP_PATIENCE: Duration = Duration::from_secs(120);
/// So many requests to stop mean: at once.
const STOP_REQUESTS_MAX: u32 = 3;
/// The pause between looks at the state folder.
const LOOK_PAUSE: Duration = Duration::from_secs(5);

impl Keeper {
    pub(crate) fn request_stop(&mut self, signal: i32) {
        self.stop_requests += 1;
        self.stop_signal = Some(signal);
        self.stop_deadline.get_or_insert(host::now() + STOP_PATIENCE);
        if self.stop_requests == STOP_REQUESTS_MAX {
            say("isles: asked to stop for the third time: everything is killed");
            self.end = Some(1);
        } else if self.platform.is_connected() {
            self.platform.push(&Message::Event(Event::StopRequested { signal }), None);
        }
    }

    pub(crate) fn give_up(&mut self, cause: &str) {
        say(&format!("error: the platform process failed: {cause}; everything was stopped"));
        say("hint: the lines above say why; `isles up` starts again from what was saved");
        self.end = self.end.or(Some(1));
    }

    /// When it is looked whether the state folder is still there; no more once the system stops.
    pub(crate) fn looks_at(&self) -> Option<Duration> {
        (self.stop_requests == 0).then_some(self.next_look)
    }

    /// Without its state folder no command reaches the system, and another one may start in its place.
    pub(crate) fn look_at_folder(&mut self, now: Duration) {
        self.next_look = now + LOOK_PAUSE;
        if !self.config.lock.is_held() {
            let folder = self.config.lock.folder().display();
            say(&format!("error: the state folder {folder} was removed or replaced: the system is stopped"));
            say("hint: `isles up` starts with what is there now");
            self.request_stop(libc::SIGTERM);
        }
    }
}
