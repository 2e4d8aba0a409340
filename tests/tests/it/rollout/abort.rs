//! A person aborts what is built, what waits and what is rolled out.

use model::api::ReleaseState;
use tests::{foreground::Foreground, process, wait};

use super::{load, one, states, version};
use crate::bad_deploys::deploy as begin;

#[track_caller]
fn was_aborted(mut deploy: Foreground) {
    assert_eq!(deploy.wait(), Some(3), "{}", deploy.said());
    let said = "error: a person has aborted it before its rollout began\nhint: what runs is as it was";
    assert!(deploy.said().contains(said), "{}", deploy.said());
}

#[test]
fn a_build_is_ended_with_all_of_its_processes() {
    let sandbox = one("", "");
    sandbox.up();
    let (running, before) = (load(&sandbox), sandbox.pids("a"));
    let manifest = sandbox.read("isles.toml");
    let leaves = "setsid sleep 6001 & (setsid nohup sleep 6002 &) ; touch ../../../../../building; sleep 6003";
    sandbox.write("isles.toml", &manifest.replace("cat version > made", leaves));
    sandbox.write("a/version", "two");
    let first = begin(&sandbox, "first", &[]);
    wait::until("the build", || sandbox.path("building").exists().then_some(()));
    let is_left = |process: &String| process.split_once(' ').is_some_and(|(_, what)| what.starts_with("sleep 600"));
    let left = || process::about(&sandbox.path(".isles/builds")).into_iter().filter(is_left).collect::<Vec<_>>();
    wait::until_is("all that the build has started", &3, || left().len());
    sandbox.isles(&["abort"]).ok().says(&["it is given up: its rollout had not begun"]);
    assert_eq!(left(), Vec::<String>::new(), "they have ended when that is said");
    was_aborted(first);
    assert_eq!(states(&sandbox), [ReleaseState::Running]);
    running.assert_no_failure();
    assert_eq!((sandbox.pids("a"), version(&sandbox).as_str()), (before, "one"));
    sandbox.isles(&["abort"]).code(1).says(&["no rollout is under way"]);
}

#[test]
fn of_those_that_wait_one_is_aborted_and_the_others_go_on() {
    let sandbox = one("strategy = \"blue-green\"\npreview = \"manual\"\nkeep = \"0s\"\n", "");
    sandbox.up();
    let deploys = ["two", "three", "four"].into_iter().zip(0..).map(|(next, queued)| {
        sandbox.write("a/version", next);
        let begun = begin(&sandbox, next, &[]);
        sandbox.rollout_when("it to wait for a person or for the others", |it| it.paused && it.queued == queued);
        begun
    });
    let [mut first, second, mut third]: [_; 3] = deploys.collect::<Vec<_>>().try_into().expect("they are three");
    sandbox.isles(&["abort", "--queued", "1"]).ok().says(&["it is given up: its rollout had not begun"]);
    was_aborted(second);
    sandbox.isles(&["abort", "--queued", "2"]).code(1).says(&["nothing waits at place 2 of the queue"]);
    assert_eq!((sandbox.rollout().to, sandbox.rollout().queued), (2, 1), "the others are as they were");
    sandbox.isles(&["abort"]).ok();
    assert_eq!(first.wait(), Some(3), "{}", first.said());
    assert!(first.said().contains("release 2 was taken back, release 1 runs: it was aborted"), "{}", first.said());
    sandbox.rollout_when("the next preview", |status| status.paused && status.to == 3);
    sandbox.isles(&["promote"]).ok();
    assert_eq!(third.wait(), Some(0), "{}", third.said());
    assert_eq!(version(&sandbox), "four");
    assert_eq!(states(&sandbox), [ReleaseState::Retired, ReleaseState::RolledBack, ReleaseState::Running]);
}
