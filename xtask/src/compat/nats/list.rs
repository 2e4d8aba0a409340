//! The list of what does not pass, and the judgement by it.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

/// `tests/compat/async-nats.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// The version of async-nats.
    version: String,
    /// The version of nats-server to compare with, as Go names it: `v2.14.5`.
    peer: String,
    /// What is so with any server.
    #[serde(default)]
    everywhere: Known,
    /// What is known of each server beside that, by its name.
    #[serde(default)]
    servers: BTreeMap<String, Known>,
}

/// Tests by name, each with the reason.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// They always fail.
    #[serde(default)]
    fails: BTreeMap<String, String>,
    /// They pass or fail by what the server does not decide: by their timing, or by what the machine has.
    #[serde(default)]
    wavers: BTreeMap<String, String>,
}

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The tests that failed as listed, a line each.
    pub(crate) notes: Vec<String>,
    /// What is unlike the list, a line each.
    pub(crate) wrong: Vec<String>,
}

impl List {
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).context("the list cannot be read")
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Judges the tests that ran, `(name, passed)`; a listed test whose name contains `only` and that did not run is wrong.
    pub(crate) fn judge(&self, server: &str, outcomes: &[(&str, bool)], only: &str) -> Verdict {
        let known: Vec<_> = [&self.everywhere].into_iter().chain(self.servers.get(server)).collect();
        let fails = |test: &str| known.iter().find_map(|known| known.fails.get(test));
        let wavers = |test: &str| known.iter().find_map(|known| known.wavers.get(test));
        let mut verdict = Verdict::default();
        for (test, passed) in outcomes {
            match (fails(test), wavers(test), passed) {
                (Some(_), _, true) => verdict.wrong.push(format!("{test} passes, but is listed as failing")),
                (None, None, false) => verdict.wrong.push(format!("{test} fails, and is not listed")),
                (Some(why), _, false) => verdict.notes.push(format!("fails   {test}: {why}")),
                (None, Some(why), false) => verdict.notes.push(format!("wavers  {test}: {why}")),
                (None, _, true) => {}
            }
        }
        let ran = |test: &str| outcomes.iter().any(|(name, _)| *name == test);
        let listed = known.iter().flat_map(|known| known.fails.keys().chain(known.wavers.keys()));
        let listed = listed.filter(|test| test.contains(only));
        verdict.wrong.extend(listed.filter(|test| !ran(test)).map(|test| format!("{test} is listed, and did not run")));
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version = \"1.2.3\"\npeer = \"v2\"\n[servers.a.fails]\n\"t::bad\" = \"clusters\"\n\
                        [everywhere.wavers]\n\"t::odd\" = \"timing\"\n";

    #[test]
    fn judgements() {
        let list = List::parse(TEXT).unwrap();
        let judge = |server: &str, outcomes: &[(&str, bool)], only: &str| {
            let Verdict { notes, wrong } = list.judge(server, outcomes, only);
            notes.into_iter().chain(wrong.into_iter().map(|line| format!("! {line}"))).collect::<Vec<_>>()
        };
        let bad = ("t::bad", false);
        let odd = ("t::odd", true);
        let bad_fails = "fails   t::bad: clusters";
        assert_eq!(judge("a", &[bad, odd, ("t::new", true)], ""), [bad_fails]);
        assert_eq!(judge("a", &[bad, ("t::odd", false)], ""), [bad_fails, "wavers  t::odd: timing"]);
        assert_eq!(judge("a", &[("t::bad", true), odd], ""), ["! t::bad passes, but is listed as failing"]);
        assert_eq!(judge("a", &[bad, odd, ("t::x", false)], ""), [bad_fails, "! t::x fails, and is not listed"]);
        assert_eq!(judge("a", &[bad], ""), [bad_fails, "! t::odd is listed, and did not run"]);
        assert_eq!(judge("a", &[bad], "bad"), [bad_fails]);
        let unlisted = "! t::bad fails, and is not listed";
        assert_eq!(judge("b", &[bad, ("t::odd", false)], ""), ["wavers  t::odd: timing", unlisted]);
    }

    #[test]
    fn the_list_in_the_repository_can_be_read() {
        let list = List::parse(include_str!("../../../../tests/compat/async-nats.toml")).unwrap();
        assert!(list.peer().starts_with('v'), "{}", list.peer());
        for known in list.servers.values().chain([&list.everywhere]) {
            for (test, why) in known.fails.iter().chain(&known.wavers) {
                assert!(test.contains("::") && !why.is_empty(), "{test}");
            }
        }
    }
}
