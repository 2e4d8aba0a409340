//! When a client has to be looked at again, and what happens then.

use std::time::Duration;

use model::Timestamp;
use wire::nats::PING;

use super::{Closing, Hub, errors};

/// How long a client is held back that publishes too fast.
const HOLD: Duration = Duration::from_millis(5);

impl Hub {
    /// When [`Hub::tick`] must be called for a client. One that is to go may take nothing for `linger`.
    pub(crate) fn deadline(&self, key: u32, linger: Duration) -> Option<Timestamp> {
        let client = self.client(key)?;
        let times = &client.times;
        if client.closing.is_some() {
            return times.blocked.map(|since| since + linger);
        }
        let ping = times.heard.max(times.pinged) + self.config.ping_interval;
        let auth = (!client.admitted).then(|| times.opened + self.config.auth_timeout);
        let write = times.blocked.map(|since| since + self.config.write_deadline);
        [Some(ping), auth, write, times.held_until, times.slowed_until].into_iter().flatten().min()
    }

    /// Does what has come due for a client.
    pub(crate) fn tick(&mut self, key: u32, now: Timestamp) {
        let Some(client) = self.client(key) else { return };
        let (times, pings_out, is_admitted) = (client.times, client.pings_out, client.admitted);
        if client.closing.is_some() {
            return self.parties.close(key, Closing::Gone);
        }
        if times.held_until.is_some_and(|until| until <= now) {
            self.let_go(key);
        }
        self.client_mut(key).into_iter().for_each(|client| {
            client.times.slowed_until = times.slowed_until.filter(|until| *until > now);
        });
        let is_stuck = times.blocked.is_some_and(|since| since + self.config.write_deadline <= now);
        if is_stuck {
            self.parties.slow_consumers += 1;
            self.parties.close(key, Closing::SlowConsumer);
        } else if !is_admitted && times.opened + self.config.auth_timeout <= now {
            self.parties.refuse(key, errors::AUTH_TIMEOUT);
        } else if times.heard.max(times.pinged) + self.config.ping_interval <= now {
            self.ping(key, pings_out, now);
        }
    }

    fn ping(&mut self, key: u32, pings_out: u32, now: Timestamp) {
        if pings_out >= self.config.pings_out_max {
            return self.parties.refuse(key, errors::STALE);
        }
        if let Some(client) = self.client_mut(key) {
            client.pings_out += 1;
            client.times.pinged = now;
        }
        self.parties.write(key, |out| out.extend_from_slice(PING));
    }

    /// Whether nothing is to be read from a client for now.
    pub(crate) fn is_held(&self, key: u32) -> bool {
        self.client(key).is_some_and(|client| client.times.held_until.or(client.times.slowed_until).is_some())
    }

    /// Holds a client back for those that get more from it than they take. One that took nothing
    /// meanwhile does not hold it back again.
    pub(super) fn hold(&mut self, key: u32, now: Timestamp) {
        let mut full = std::mem::take(&mut self.parties.full);
        for slow in full.drain(..).filter(|slow| *slow != key) {
            let Some(client) = self.client_mut(slow) else { continue };
            let written = client.outbox.written();
            if client.hold_mark.replace(written) != Some(written) {
                client.held_back.clear();
            }
            if client.held_back.contains(&key) {
                continue;
            }
            client.held_back.push(key);
            if let Some(fast) = self.client_mut(key) {
                fast.times.held_until = Some(now + HOLD);
            }
        }
        self.parties.full = full;
    }

    pub(super) fn let_go(&mut self, key: u32) {
        if let Some(client) = self.client_mut(key)
            && client.times.held_until.take().is_some()
        {
            self.parties.wake(key);
        }
    }
}
