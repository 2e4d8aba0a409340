//! What a rollout shows, by exact expectation.

use std::ffi::OsString;

use model::api::{Release, RolloutStatus};
use serde_json::{Value, json};

use super::{follow::Shown, lines::changes, picture::success_percent, *};
use crate::{
    Context,
    exit::ExitCode,
    fixture::{NOW, Written, from, with},
    paint::Paint,
    report::UserError,
    settings::{self, Environment, Settings},
    terminal::{Size, Terminal},
};

const PLAIN: Paint = Paint { on: false };

fn side(name: &str, wanted: u32, instances: u32, healthy: u32) -> Value {
    json!({ "side": name, "wanted": wanted, "instances": instances, "healthy": healthy, "requests": 0, "failures": 0 })
}

fn busy(side: Value, requests: u64, failures: u64, p99_us: u64) -> Value {
    with(side, json!({ "requests": requests, "failures": failures, "p99_us": p99_us }))
}

fn json(fields: Value) -> Value {
    let old = busy(side("old", 2, 2, 2), 12_034, 0, 4_250);
    let new = busy(side("new", 2, 1, 1), 3_011, 1, 5_100);
    let rollout = json!({
        "number": 7, "from": 11, "to": 12, "strategy": "canary", "phase": "advancing", "what": "waits 38s before 50%",
        "paused": false, "step": [2, 3], "weight_percent": 25.0, "began_at": 128_000_000, "deadline_at": 710_000_000,
        "services": [
            { "service": "users", "sides": [old, new] },
            { "service": "orders", "sides": [side("old", 1, 1, 1), side("new", 1, 1, 0)] },
        ],
        "queued": 0,
    });
    with(rollout, fields)
}

fn rollout(fields: Value) -> RolloutStatus {
    from(json(fields))
}

fn ended(phase: &str, fields: Value) -> RolloutStatus {
    let end = json!({ "phase": phase, "ended_at": 199_000_000, "what": "is over", "services": [] });
    from(with(json(end), fields))
}

fn taken_back() -> RolloutStatus {
    let check = |first, last, count, answer: Value| json!({ "first_ms": first, "last_ms": last, "count": count, "asked": "GET http://127.0.0.1:20001/h", "answer": answer });
    let trouble = json!({
        "cause": "users/5 answered 500", "hint": "see its log", "log": ["Traceback:", "\u{1b}[2Jno table"],
        "checks": [
            check(10, 1_250, 9, json!(["was refused: nothing listens on 127.0.0.1:20001"])),
            check(1_450, 1_450, 1, json!(["HTTP/1.1 500 Ill", "no \u{1b}[2Jtable"])),
        ],
    });
    ended("rolled-back", json!({ "problem": trouble }))
}

#[test]
fn pictures() {
    let expected = "\
rollout  release 12 for 11, canary, step 2 of 3, 25%
phase    advancing: waits 38s before 50%
time     1m12s, at most 8m30s more without progress

SERVICE  RELEASE  INSTANCES  HEALTHY  REQUESTS  SUCCESS  P99
users    11 old   2          2/2      12034     100%     4.2ms
         12 new   1          1/2      3011      99.96%   5.1ms
orders   11 old   1          1/1      0         -        -
         12 new   1          0/1      0         -        -
";
    assert_eq!(picture(&rollout(json!({})), NOW, None, PLAIN), expected);
    let more = json!({
        "strategy": "blue-green", "step": null, "weight_percent": 0.01, "paused": true, "what": "waits for `isles promote`",
        "deadline_at": null, "queued": 2, "preview": { "users": "127.0.0.1:4000" }, "services": [],
    });
    let expected = "\
rollout  release 12 for 11, blue-green, 0.01%
phase    advancing, paused: waits for `isles promote`
time     1m12s
preview  users at 127.0.0.1:4000
queue    2 deploys behind it

SERVICE  RELEASE  INSTANCES  HEALTHY  REQUESTS  SUCCESS  P99
";
    assert_eq!(picture(&rollout(more), NOW, None, PLAIN), expected);
    let text = picture(&ended("promoted", json!({})), NOW, Some(40), PLAIN);
    assert!(text.contains("time     1m11s, ended 1.0s ago\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
}

#[test]
fn success_is_never_rounded_up() {
    for (requests, failures, expected) in [
        (0, 0, None),
        (10, 0, Some("100")),
        (1_000_000, 1, Some("99.99")),
        (4, 1, Some("75")),
        (3, 2, Some("33.33")),
        (5, 5, Some("0")),
        (5, 6, Some("0")),
    ] {
        let side = from(with(side("new", 1, 1, 1), json!({ "requests": requests, "failures": failures })));
        assert_eq!(success_percent(&side).as_deref(), expected, "{failures} of {requests}");
    }
}

#[test]
fn plain_lines_are_changes() {
    let first = rollout(json!({}));
    let all = "\
release 12  canary, step 2 of 3, 25%, advancing: waits 38s before 50%
  users   old 2/2 100% 4.2ms, new 1/2 99.96% 5.1ms
  orders  old 1/1, new 0/1
";
    let requests = rollout(json!({ "services": [
        { "service": "users", "sides": [busy(side("old", 2, 2, 2), 12_100, 9, 1), busy(side("new", 2, 1, 1), 3_100, 9, 1)] },
        { "service": "orders", "sides": [side("old", 1, 1, 1), side("new", 1, 1, 1)] },
    ] }));
    let step = rollout(json!({ "step": [3, 3], "weight_percent": 50.0, "what": "starts users/6" }));
    for (before, after, expected) in [
        (None, &first, all),
        (Some(&first), &first, ""),
        (Some(&first), &requests, "  orders  old 1/1, new 1/1\n"),
        (
            Some(&first),
            &step,
            &all.replace("2 of 3, 25%", "3 of 3, 50%").replace("waits 38s before 50%", "starts users/6"),
        ),
        (Some(&rollout(json!({ "number": 6 }))), &first, all),
    ] {
        assert_eq!(changes(before, after), expected);
    }
}

fn settings(line: &str) -> Settings {
    let environment = Environment { variables: [].into(), current_dir: "/nowhere".into() };
    settings::from_env(line.split(' ').map(OsString::from), &environment).unwrap()
}

/// What is written when the rollout with number 7 is followed through these, and how that ends.
fn follow_through(line: &str, size: Option<Size>, statuses: Vec<RolloutStatus>) -> (String, anyhow::Result<ExitCode>) {
    let (written, settings) = (Written::default(), settings(line));
    let mut terminal = Terminal::new(written.clone(), written.clone(), size);
    let context = Context { settings: &settings, terminal: &mut terminal, now: &|| NOW };
    let mut shown = Shown::new(context, &rollout(json!({})));
    for status in statuses {
        match shown.status(status) {
            Ok(None) => {}
            Ok(Some(code)) => return (written.text(), Ok(code)),
            Err(error) => return (written.text(), Err(error)),
        }
    }
    panic!("it has no end: {}", written.text());
}

fn error(end: anyhow::Result<ExitCode>) -> UserError {
    end.unwrap_err().downcast().unwrap()
}

#[test]
fn promoted() {
    let (text, end) = follow_through("isles rollout -w", None, vec![ended("promoted", json!({}))]);
    let expected = "release 12  canary, step 2 of 3, 25%, promoted: is over\nrelease 12 runs, after 1m11s\n";
    assert_eq!((text.as_str(), end.unwrap()), (expected, ExitCode::Ok));
    let back = ended("promoted", json!({ "from": 12, "to": 11 }));
    let (text, end) = follow_through("isles rollout -w", None, vec![rollout(json!({})), back]);
    assert!(text.ends_with("\nrelease 11 runs again, after 1m11s\n"), "{text}");
    assert_eq!(end.unwrap(), ExitCode::Ok);
}

#[test]
fn taken_back_with_the_reason() {
    let (_, end) = follow_through("isles rollout -w", None, vec![taken_back()]);
    let error = error(end);
    assert_eq!(error.code, ExitCode::RolledBack);
    let expected = "  | check after 10ms to 1s250ms, 9 times: GET http://127.0.0.1:20001/h
  |   was refused: nothing listens on 127.0.0.1:20001
  | check after 1s450ms: GET http://127.0.0.1:20001/h
  |   HTTP/1.1 500 Ill
  |   no table
  | Traceback:
  | no table\n";
    assert_eq!(error.details, expected);
    assert_eq!(error.cause, "release 12 was taken back, release 11 runs: users/5 answered 500");
    assert_eq!(error.hint, "see its log");
}

#[test]
fn an_end_that_was_not_seen_is_told_by_the_release() {
    let releases = |states: &[(u64, &str)]| -> Vec<Release> {
        let release = |(number, state): &(u64, &str)| {
            let reason = (*state == "rolled-back").then_some("superseded");
            from(json!({ "number": number, "at": 1, "state": state, "bundles": {}, "changed": [], "reason": reason }))
        };
        states.iter().map(release).collect()
    };
    let runs = |to| Ok(format!("release {to} runs, and another rollout has begun\n"));
    let unknown = "nobody has seen how the rollout of release 12 ended, and another one has begun";
    let failed = |code, cause: &str| Err((code, cause.to_owned()));
    for (before, to, states, expected) in [
        (11, 12, &[(11, "retired"), (12, "running")][..], runs(12)),
        (11, 12, &[(12, "retired"), (13, "running")], runs(12)),
        (11, 12, &[(12, "rolled-back")], failed(ExitCode::RolledBack, "release 12 was taken back: superseded")),
        (11, 12, &[(12, "stored")], failed(ExitCode::Failed, unknown)),
        (11, 12, &[(12, "rolling-out")], failed(ExitCode::Failed, unknown)),
        (11, 12, &[], failed(ExitCode::Failed, unknown)),
        (12, 11, &[(11, "running"), (12, "rolled-back")], runs(11)),
        (
            12,
            11,
            &[(11, "retired"), (12, "running")],
            failed(ExitCode::RolledBack, "release 11 does not run again: another rollout has taken its place"),
        ),
    ] {
        let unseen = end::unseen(before, to, &releases(states)).map_err(|error| (error.code, error.cause));
        assert_eq!(unseen, expected, "{states:?}");
    }
}

#[test]
fn as_json_only_the_last_status_is_written() {
    let (text, end) = follow_through("isles deploy --json", None, vec![rollout(json!({})), taken_back()]);
    let written: RolloutStatus = serde_json::from_str(&text).unwrap();
    assert_eq!((written, error(end).code), (taken_back(), ExitCode::RolledBack));
}

#[test]
fn a_terminal_shows_one_picture() {
    let size = Some(Size { columns: 60, rows: 24 });
    let (text, _) = follow_through("isles deploy", size, vec![rollout(json!({})), ended("promoted", json!({}))]);
    let pictures: Vec<_> = text.split("\u{1b}[9A\r").collect();
    assert_eq!(pictures.len(), 2, "the second one begins where the first one did: {text:?}");
    assert!(pictures[0].contains("users    11 old   2 ") && pictures[1].contains("promoted: is over"), "{text:?}");
    let low = Some(Size { columns: 60, rows: 6 });
    let (text, _) = follow_through("isles deploy", low, vec![ended("promoted", json!({}))]);
    assert!(text.contains("and 1 line more"), "{text:?}");
}

#[test]
fn what_goes_on_is_said() {
    let expected = "it goes on: `isles rollout --watch` shows it, `isles abort` takes it back";
    assert_eq!(goes_on(&settings("isles deploy")), expected);
    let expected =
        "it is given up unless its rollout has begun: `isles rollout --watch` shows it, `isles abort` takes it back";
    assert_eq!(is_given_up(&settings("isles deploy")), expected);
}
