//! What the view shows, by exact expectation.

use std::{path::Path, time::Duration};

use client::Client;
use model::{Timestamp, api::LogLine, spec::Tls, status::SystemStatus};
use serde_json::{Value, json};

use super::{attach::Attach, feed::Event, lines::Lines, live::Live, screen::Screen, summary::tries, *};
use crate::{
    fixture::{NOW, Written, from, manifest, service, system, with},
    paint::Paint,
    project::Project,
    terminal::{Size, Terminal},
};

const PLAIN: Paint = Paint { on: false };
const SHOP: &str = "[system]\nname = \"shop\"\n[gateway]\nlisten = \"127.0.0.1:8080\"\n[gateway.routes]\n\"/users\" = \"users\"\n\
                    [services.users]\nrun = \"./users\"\n[services.orders]\nrun = \"./orders\"\ncalls = [\"users\"]\n";

fn line(instance: Option<&str>, text: &str) -> LogLine {
    from(json!({ "at": 1_700_000_000_123_456_u64, "service": "users", "instance": instance, "text": text }))
}

fn failed() -> Value {
    let problem =
        json!({ "cause": "the build failed with exit code 2", "hint": "correct it", "log": ["no such crate"] });
    with(service("users", "build-failed", 0, 2), json!({ "problem": problem }))
}

#[test]
fn plain_lines_are_changes() {
    let one = system("starting", json!([service("orders", "building", 0, 1), service("users", "starting", 1, 2)]));
    let two = system("starting", json!([service("orders", "building", 0, 1), service("users", "healthy", 2, 2)]));
    for (before, after, text) in [
        (None, &one, "orders  building\nusers   starting 1/2\n"),
        (Some(&one), &one, ""),
        (Some(&one), &two, "users   healthy 2/2\n"),
    ] {
        assert_eq!(plain::changes(before, after), text);
    }
}

#[test]
fn log_lines() {
    let status =
        system("running", json!([service("stock-count", "healthy", 2, 12), service("users", "healthy", 1, 1)]));
    let mut lines = Lines::new(&status, false);
    assert_eq!(lines.render(&line(Some("users/1#3"), "hello"), PLAIN), "users/1         | hello\n");
    assert_eq!(lines.render(&line(None, "cc\u{1b}[2J main.c"), PLAIN), "users build     | cc main.c\n");
    let mut timed = Lines::new(&system("running", json!([])), true);
    let expected = "2023-11-14T22:13:20.123Z users/1  | hello\n";
    assert_eq!(timed.render(&line(Some("users/1#3"), "hello"), PLAIN), expected);
    let colored = lines.render(&line(Some("users/1#3"), "\u{1b}[1mhello"), Paint { on: true });
    assert!(
        colored.starts_with("\u{1b}[") && colored.ends_with("  |\u{1b}[0m \u{1b}[1mhello\u{1b}[0m\n"),
        "{colored:?}"
    );
}

#[test]
fn troubles_are_shown_once() {
    let mut troubles = trouble::Troubles::default();
    let down = system("starting", json!([failed()]));
    let up = system("running", json!([service("users", "healthy", 2, 2)]));
    let text = "error: users: the build failed with exit code 2\n  | no such crate\nhint: correct it\n";
    for (status, expected) in [(&down, text), (&down, ""), (&up, ""), (&down, text)] {
        assert_eq!(troubles.news(status, PLAIN), expected);
    }
    let full = SystemStatus { problem: down.services[0].problem.clone(), ..up };
    assert_eq!(troubles.news(&full, PLAIN), text.replace("users", "shop"));
    assert_eq!(troubles.news(&full, PLAIN), "");
}

fn status_of_three() -> SystemStatus {
    let orders = with(service("orders", "healthy", 1, 1), json!({ "address": "127.0.0.1:40001" }));
    let problem = json!({ "cause": "no module named flask" });
    let stock = with(service("stock", "crash-loop", 0, 2), json!({ "problem": problem }));
    system("starting", json!([orders, stock, service("users", "building", 0, 2)]))
}

#[test]
fn live_lines() {
    let status = status_of_three();
    let mut live = Live::new(NOW - Duration::from_secs(5));
    live.settle(&status, NOW - Duration::from_millis(2_700));
    let render = |columns, rows| live::render(&live, &status, NOW, Size { columns, rows }, PLAIN).join("\n");
    let all = "\
\u{2713}  orders  healthy     1/1  2.3s  127.0.0.1:40001
\u{2717}  stock   crash-loop  0/2  5.0s  no module named flask
\u{280b}  users   building    0/2  5.0s";
    assert_eq!(render(80, 24), all);
    let narrow = "\
\u{2713}  orders  healthy     1/1  2.3s  127.\u{2026}
\u{2717}  stock   crash-loop  0/2  5.0s  no m\u{2026}
\u{280b}  users   building    0/2  5.0s";
    assert_eq!(render(39, 24), narrow);
    let low = "\
\u{2717}  stock  crash-loop  0/2  5.0s  no module named flask
\u{280b}  users  building    0/2  5.0s
   and 1 more";
    assert_eq!(render(80, 4), low);
}

fn project() -> Project {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("isles.toml"), SHOP).unwrap();
    Project::find(folder.path(), None).unwrap()
}

#[test]
fn summaries() {
    let orders = with(service("orders", "healthy", 1, 1), json!({}));
    let rolled_out = with(service("users", "crash-loop", 0, 1), json!({ "rolling_out": true }));
    let whole = system("running", json!([orders, service("stock", "asleep", 0, 0), rolled_out]));
    let status = SystemStatus { notices: vec!["no cgroups".into()], ..whole };
    let tries = tries(&manifest(SHOP), &project(), status.gateway);
    let expected = "
shop is up: 3 services in 2.3s
  gateway  http://127.0.0.1:8080
  notice   no cgroups
  try      isles ps
           isles logs -f
           curl http://127.0.0.1:8080/users
";
    assert_eq!(summary::render(&status, Duration::from_millis(2_345), &tries, PLAIN), expected);
}

#[test]
fn what_to_try() {
    let by_host = SHOP.replace("\"/users\"", "\"shop.test/users\"");
    let everywhere = Some("0.0.0.0:99".parse().unwrap());
    for (text, gateway, third) in [
        (SHOP, everywhere, "curl http://127.0.0.1:99/users"),
        (SHOP, Some("[::]:99".parse().unwrap()), "curl 'http://[::1]:99/users'"),
        (by_host.as_str(), everywhere, "curl -H 'host: shop.test' http://127.0.0.1:99/users"),
        (SHOP, None, "isles call orders /"),
    ] {
        assert_eq!(tries(&manifest(text), &project(), gateway)[2], third);
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("isles.toml"), SHOP).unwrap();
    let secure = Project::find(root.path(), None).unwrap();
    let mut system = manifest(SHOP);
    for (tls, options) in [
        (Tls::Files { cert: "a".into(), key: "b".into() }, String::new()),
        (Tls::Development, format!("--cacert {}/.isles/tls/localhost.crt ", secure.folder.display())),
    ] {
        system.gateway.as_mut().unwrap().tls = Some(tls);
        assert_eq!(tries(&system, &secure, everywhere)[2], format!("curl {options}https://127.0.0.1:99/users"));
    }
    std::fs::write(root.path().join("shop.toml"), SHOP).unwrap();
    let named = Project::find(root.path(), Some(Path::new("shop.toml"))).unwrap();
    assert_eq!(tries(&manifest(SHOP), &named, None)[1], "isles -f shop.toml logs -f");
}

/// What a terminal shows after these bytes, for the sequences that the view uses.
fn shown(bytes: &str) -> Vec<String> {
    let mut rows: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut chars = bytes.chars();
    while let Some(c) = chars.next() {
        rows.resize(rows.len().max(row + 1), Vec::new());
        match c {
            '\n' => (row, column) = (row + 1, 0),
            '\r' => column = 0,
            '\u{1b}' => match sequence(&mut chars) {
                (up, 'A') => row = row.checked_sub(up).expect("the cursor stays on the screen"),
                (0, 'K') => rows[row].truncate(column),
                (0, 'J') => {
                    rows.truncate(row + 1);
                    rows[row].truncate(column);
                }
                other => panic!("the view does not use {other:?}"),
            },
            c => {
                let length = rows[row].len().max(column + 1);
                rows[row].resize(length, ' ');
                rows[row][column] = c;
                column += 1;
            }
        }
    }
    rows.into_iter().map(|row| row.into_iter().collect::<String>()).filter(|row| !row.is_empty()).collect()
}

fn sequence(chars: &mut std::str::Chars<'_>) -> (usize, char) {
    assert_eq!(chars.next(), Some('['));
    let mut number = String::new();
    loop {
        match chars.next().unwrap() {
            digit if digit.is_ascii_digit() => number.push(digit),
            end => return (number.parse().unwrap_or(0), end),
        }
    }
}

/// Shows these events on a screen of 60 columns, data and progress on the same terminal.
fn show(live: bool, detach: bool, events: Vec<Event>) -> String {
    let client = Client::new("/nowhere");
    let (system, project, now) = (manifest(SHOP), project(), || NOW);
    let begun = NOW - Duration::from_millis(2_345);
    let attach = Attach { client: &client, now: &now, begun, system: &system, project: &project, detach, json: false };
    let written = Written::default();
    let size = live.then_some(Size { columns: 60, rows: 24 });
    let mut terminal = Terminal::new(written.clone(), written.clone(), size);
    let mut screen = Screen::new(&attach, &mut terminal, live);
    for event in events {
        match event {
            Event::Status(status) => screen.status(status, false).unwrap(),
            Event::Log(line) => screen.log(&line).unwrap(),
            Event::Tick => screen.tick(),
            Event::Ended => screen.ended(),
        }
    }
    written.text()
}

fn a_whole_life() -> Vec<Event> {
    let status = |phase: &str, word: &str, healthy| {
        Event::Status(system(phase, json!([service("orders", word, healthy, 1), service("users", word, healthy, 1)])))
    };
    vec![
        status("starting", "building", 0),
        Event::Tick,
        Event::Log(line(None, "compiling")),
        Event::Tick,
        status("starting", "starting", 0),
        Event::Log(line(Some("users/1#1"), "listening")),
        status("running", "healthy", 1),
        Event::Log(line(Some("users/1#1"), "GET /")),
        status("stopping", "stopping", 1),
        status("stopping", "stopped", 0),
        Event::Ended,
    ]
}

#[test]
fn a_life_on_a_terminal() {
    let expected = "\
users build  | compiling
users/1      | listening
\u{2713}  orders  healthy  1/1  2.3s
\u{2713}  users   healthy  1/1  2.3s
shop is up: 2 services in 2.3s
  gateway  http://127.0.0.1:8080
  try      isles ps
           isles logs -f
           curl http://127.0.0.1:8080/users
users/1      | GET /
orders  stopping
users   stopping
orders  stopped
users   stopped
shop is down";
    assert_eq!(shown(&show(true, false, a_whole_life())).join("\n"), expected);
}

#[test]
fn a_life_without_a_terminal() {
    let expected = "\
orders  building
users   building
users build  | compiling
orders  starting 0/1
users   starting 0/1
users/1      | listening
orders  healthy 1/1
users   healthy 1/1

shop is up: 2 services in 2.3s
  gateway  http://127.0.0.1:8080
  try      isles ps
           isles logs -f
           curl http://127.0.0.1:8080/users
users/1      | GET /
orders  stopping
users   stopping
orders  stopped
users   stopped
shop is down
";
    assert_eq!(show(false, false, a_whole_life()), expected);
}

#[test]
fn trouble_on_a_terminal_stands_above_the_lines() {
    let status = || Event::Status(system("starting", json!([service("orders", "waiting", 0, 1), failed()])));
    let expected = "\
users build  | oops
error: users: the build failed with exit code 2
  | no such crate
hint: correct it
\u{b7}  orders  waiting       0/1  2.3s
\u{2717}  users   build-failed  0/2  2.3s  the build failed with e\u{2026}";
    let events = vec![Event::Log(line(None, "before any status")), Event::Tick];
    let first = Event::Status(system("starting", json!([service("orders", "waiting", 0, 1)])));
    let rest = vec![first, Event::Log(line(None, "oops")), status(), Event::Tick, status()];
    assert_eq!(shown(&show(true, false, events.into_iter().chain(rest).collect())).join("\n"), expected);
}

#[test]
fn detached_only_builds_are_shown() {
    let text = show(false, true, a_whole_life());
    assert!(text.contains("users build  | compiling\n") && !text.contains("listening"), "{text}");
}

#[test]
fn nothing_is_older_than_its_beginning() {
    let live = Live::new(Timestamp(NOW.0 + 1));
    let status = status_of_three();
    let lines = live::render(&live, &status, NOW, Size { columns: 80, rows: 24 }, PLAIN);
    assert!(lines.iter().all(|line| line.contains("0.0s")), "{lines:?}");
}
