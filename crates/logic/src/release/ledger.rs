//! How releases fare: which runs, which is on its way, which ran before. One value, so that a crash leaves the one or the next.

use std::collections::{BTreeMap, BTreeSet};

use model::{Gather, ServiceName, api::ReleaseState};
use serde::{Deserialize, Serialize};

/// How the releases of a system fare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Grows with everything that a plan depends on.
    index: u64,
    /// The last number that was given.
    last: u64,
    /// Those that ran and were not taken back, in this order; the last one runs, or did before the system went down.
    ran: Vec<u64>,
    coming: Coming,
    /// The services whose migration must still run before the system comes up.
    #[serde(default)]
    unmigrated: BTreeSet<ServiceName>,
    /// Why others were taken back.
    taken_back: BTreeMap<u64, String>,
}

/// What is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Coming {
    #[default]
    Nothing,
    /// The system comes up with this release, once it is stored.
    Up(Option<u64>),
    /// It is rolled out.
    Rollout(u64),
}

impl Ledger {
    /// For whoever wants to know whether a plan is still good.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Something changed that plans depend on and that is not kept here.
    pub fn touch(&mut self) {
        self.index += 1;
    }

    /// A number that no release had.
    pub fn take_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A release of this number exists, though the ledger was not written since.
    pub fn knows(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    /// The release that runs, or ran last.
    pub fn running(&self) -> Option<u64> {
        self.ran.last().copied()
    }

    /// The one that ran before that.
    pub fn previous(&self) -> Option<u64> {
        self.ran.iter().rev().nth(1).copied()
    }

    /// Those that ran and were not taken back, the newest first.
    pub fn ran(&self) -> impl Iterator<Item = u64> {
        self.ran.iter().rev().copied()
    }

    /// What a platform process goes on with that an earlier one began to run; `None` if that had not come so far.
    pub fn goes_on_with(&self) -> Option<u64> {
        match self.coming {
            Coming::Up(number) => number,
            Coming::Nothing | Coming::Rollout(_) => self.running(),
        }
    }

    /// Whether a release that the system came up with does not run yet.
    pub fn is_coming_up(&self) -> bool {
        matches!(self.coming, Coming::Up(_))
    }

    /// Whether a rollout is under way.
    pub fn is_rolling_out(&self) -> bool {
        matches!(self.coming, Coming::Rollout(_))
    }

    /// The system comes up; with which release is not known yet. A rollout that was under way when it went down is over.
    pub fn comes_up(&mut self) {
        self.went_back("the system was stopped during its rollout");
        self.change(Coming::Up(None));
    }

    /// The system comes up with this release, once these services are migrated.
    pub fn comes_up_with(&mut self, number: u64, unmigrated: BTreeSet<ServiceName>) {
        self.change(Coming::Up(Some(number)));
        self.unmigrated = unmigrated;
    }

    /// The service's migration has run; the system still comes up.
    pub fn migrated(&mut self, service: &ServiceName) {
        self.unmigrated.remove(service);
    }

    /// The services whose migration must still run before the system comes up.
    pub fn unmigrated(&self) -> &BTreeSet<ServiceName> {
        &self.unmigrated
    }

    /// A rollout to this release begins.
    pub fn begins(&mut self, number: u64) {
        self.change(Coming::Rollout(number));
    }

    /// This release serves alone. One that ran before is gone back to: what came after it is taken back.
    pub fn runs(&mut self, number: u64) {
        self.change(Coming::Nothing);
        self.taken_back.remove(&number);
        match self.ran.iter().position(|ran| *ran == number) {
            Some(place) => {
                let after = self.ran.drain(place + 1..);
                self.taken_back.extend(after.map(|later| (later, format!("release {number} was gone back to"))));
            }
            None => self.ran.push(number),
        }
    }

    /// The rollout under way went back, in words why.
    pub fn went_back(&mut self, why: &str) {
        if let Coming::Rollout(number) = self.coming
            && !self.ran.contains(&number)
        {
            self.taken_back.insert(number, why.into());
        }
        self.change(Coming::Nothing);
    }

    /// A release that is stored will not be rolled out, in words why.
    pub fn given_up(&mut self, number: u64, why: &str) {
        if self.state(number) == ReleaseState::Stored {
            self.taken_back.insert(number, why.into());
        }
    }

    /// How a release fares.
    pub fn state(&self, number: u64) -> ReleaseState {
        match self.coming {
            Coming::Up(Some(coming)) | Coming::Rollout(coming) if coming == number => ReleaseState::RollingOut,
            _ if self.running() == Some(number) => ReleaseState::Running,
            _ if self.ran.contains(&number) => ReleaseState::Retired,
            _ if self.taken_back.contains_key(&number) => ReleaseState::RolledBack,
            _ => ReleaseState::Stored,
        }
    }

    /// Why a release was taken back.
    pub fn reason(&self, number: u64) -> Option<&str> {
        self.taken_back.get(&number).map(String::as_str)
    }

    /// Those that must not be forgotten: what runs, what comes, and what can be gone back to.
    pub fn needed(&self) -> BTreeSet<u64> {
        let coming = match self.coming {
            Coming::Up(coming) => coming,
            Coming::Rollout(coming) => Some(coming),
            Coming::Nothing => None,
        };
        self.running().into_iter().chain(self.previous()).chain(coming).gather()
    }

    /// Forgets releases.
    pub fn forget(&mut self, numbers: &BTreeSet<u64>) {
        self.ran.retain(|number| !numbers.contains(number));
        self.taken_back.retain(|number, _| !numbers.contains(number));
    }

    fn change(&mut self, coming: Coming) {
        self.coming = coming;
        self.unmigrated.clear();
        self.index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state after each word: `u` comes up, `u2` with release 2 once `a` and `b` are migrated, `ma` `a` is, `b3` a rollout begins, `r3` it serves, `x` it went back,
    /// `g3` it is given up before.
    fn after(words: &str) -> Ledger {
        let mut ledger = Ledger::default();
        for word in words.split_whitespace() {
            let number = word[1..].parse().ok();
            match (&word[..1], number) {
                ("u", None) => ledger.comes_up(),
                ("u", Some(number)) => {
                    ledger.comes_up_with(number, ["a", "b"].map(|name| name.parse().unwrap()).into());
                }
                ("m", None) => ledger.migrated(&word[1..].parse().unwrap()),
                ("b", Some(number)) => ledger.begins(number),
                ("r", Some(number)) => ledger.runs(number),
                ("g", Some(number)) => ledger.given_up(number, "aborted"),
                _ => ledger.went_back("worse"),
            }
        }
        ledger
    }

    #[test]
    fn what_runs_and_what_a_new_platform_goes_on_with() {
        for (words, running, previous, goes_on) in [
            ("", None, None, None),
            ("u", None, None, None),
            ("u u1", None, None, Some(1)),
            ("u u1 r1", Some(1), None, Some(1)),
            ("u1 r1 u", Some(1), None, None),
            ("u1 r1 u u2", Some(1), None, Some(2)),
            ("u1 r1 b2", Some(1), None, Some(1)),
            ("u1 r1 b2 r2", Some(2), Some(1), Some(2)),
            ("u1 r1 b2 x", Some(1), None, Some(1)),
            ("u1 r1 b2 r2 b3 r3 b2 r2", Some(2), Some(1), Some(2)),
            ("u1 r1 b2 r2 b3 r3 b1 r1", Some(1), None, Some(1)),
            ("u1 r1 b2 r2 b1 x", Some(2), Some(1), Some(2)),
            ("u1 r1 b2 r2 b1 r1 b2 r2", Some(2), Some(1), Some(2)),
        ] {
            let ledger = after(words);
            let found = (ledger.running(), ledger.previous(), ledger.goes_on_with());
            assert_eq!(found, (running, previous, goes_on), "{words}");
        }
    }

    #[test]
    fn states() {
        use ReleaseState::{Retired, RolledBack, RollingOut, Running, Stored};
        for (words, states) in [
            ("", [Stored, Stored, Stored]),
            ("u1", [RollingOut, Stored, Stored]),
            ("u1 r1 b2", [Running, RollingOut, Stored]),
            ("u1 r1 b2 x b3", [Running, RolledBack, RollingOut]),
            ("u1 r1 b2 r2 b3 r3", [Retired, Retired, Running]),
            ("u1 r1 b2 r2 b3 r3 b1 r1", [Running, RolledBack, RolledBack]),
            ("u1 r1 b2 r2 b1", [RollingOut, Running, Stored]),
            ("u1 r1 b2 g1 g2 g3", [Running, RollingOut, RolledBack]),
        ] {
            assert_eq!([1, 2, 3].map(|number| after(words).state(number)), states, "{words}");
        }
        assert_eq!(after("u1 r1 b2 x").reason(2), Some("worse"));
        assert_eq!(after("u1 r1 b2 x g2").reason(2), Some("worse"));
        assert_eq!(after("u1 r1 g2").reason(2), Some("aborted"));
        assert_eq!(after("u1 r1 b2 r2 b1 r1").reason(2), Some("release 1 was gone back to"));
        assert_eq!(after("u1 r1 b2 x b2 r2").reason(2), None);
        assert_eq!(after("u1 r1 b2 u").reason(2), Some("the system was stopped during its rollout"));
        assert_eq!(after("u1 r1 b2 u u2 r2").reason(2), None);
    }

    #[test]
    fn what_is_still_to_be_migrated() {
        for (words, expected) in
            [("u", ""), ("u1", "a b"), ("u1 ma", "b"), ("u1 ma mb", ""), ("u1 r1", ""), ("u1 u", "")]
        {
            let left: Vec<_> = after(words).unmigrated().iter().map(ServiceName::to_string).collect();
            assert_eq!(left.join(" "), expected, "{words}");
        }
    }

    #[test]
    fn what_is_needed_is_not_forgotten() {
        assert_eq!(after("u1 r1 b2 r2 b3 r3 b4").needed(), BTreeSet::from([2, 3, 4]));
        let mut ledger = after("u1 r1 b2 r2 b3 r3 b4 x");
        ledger.forget(&BTreeSet::from([1, 4]));
        assert_eq!((ledger.running(), ledger.previous(), ledger.reason(4)), (Some(3), Some(2), None));
        assert!(after("u1 r1 b2").index() > after("u1 r1").index());
    }
}
