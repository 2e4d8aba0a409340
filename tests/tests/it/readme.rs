//! What README.md promises, done as it is written there.

use std::fs;

use rustix::process::Signal;
use tests::{binary, isles::Done, process, sandbox::Sandbox, wait};

use crate::shop::shop;

/// The lines of the shell blocks of a section, with the shop's address and a process id filled in.
fn commands(section: &str) -> Vec<String> {
    let readme = fs::read_to_string(binary::repository().join("README.md")).expect("it is there");
    let (_, section) = readme.split_once(&format!("## {section}\n")).expect("the section is there");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let blocks = section.split("```sh\n").skip(1).filter_map(|block| block.split_once("```").map(|(block, _)| block));
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// Runs the line as it is, but for what is different here: the port and the process id.
fn run(shop: &Sandbox, line: &str, pid: u32) -> Done {
    let line = line.replace("127.0.0.1:8080", &shop.gateway.to_string());
    shop.shell(&line.replace("PID", &pid.to_string()))
}

#[test]
fn the_five_minutes_are_as_written() {
    let lines = commands("Five minutes");
    let shop = shop();
    let victim = shop.pids("users")[0];
    let said: Vec<(String, Done)> = lines
        .iter()
        .filter(|line| !line.starts_with("export PATH=") && !line.starts_with("cd "))
        .map(|line| (line.clone(), run(&shop, line, victim).ok()))
        .collect();
    let of = |start: &str| -> Vec<&Done> {
        let found: Vec<_> = said.iter().filter(|(line, _)| line.starts_with(start)).map(|(_, done)| done).collect();
        assert!(!found.is_empty(), "README.md has no line `{start}…`");
        found
    };
    let statuses: Vec<_> = of("curl -i").iter().map(|done| done.out.lines().next().unwrap_or_default()).collect();
    assert_eq!(statuses, ["HTTP/1.1 201 Created", "HTTP/1.1 201 Created", "HTTP/1.1 402 Payment Required"]);
    assert!(of("curl http://127.0.0.1:8080/stock/samovar")[0].out.contains("samovar"));
    assert!(of("curl http://127.0.0.1:8080/users/1")[0].out.contains("Ada"));
    assert_eq!(of("kill -9 PID").len(), 1);
    assert!(!process::is_alive(victim));
    assert!(of("isles ps")[0].out.contains(&victim.to_string()));
    assert!(of("isles logs")[0].out.contains("users/"));
    assert!(of("isles why users")[0].out.contains("signal 9"));
    assert!(of("isles scale stock=4")[0].out.contains("stock  healthy 4/4"));
    assert!(of("isles restart orders")[0].out.contains("orders  healthy 2/2"));
    assert!(of("isles down")[0].out.contains("shop is down"));
    shop.assert_nothing_left();
}

#[test]
fn the_small_system_works() {
    let readme = fs::read_to_string(binary::repository().join("README.md")).expect("it is there");
    let manifest = readme.split("```toml\n").nth(1).and_then(|rest| rest.split_once("```")).expect("a manifest").0;
    let hello = Sandbox::empty();
    hello.write("isles.toml", &manifest.replace("127.0.0.1:8080", &hello.gateway.to_string()));
    hello.write_program("web.sh", "#!/bin/sh\nexec python3 -m http.server \"$PORT\" --bind 127.0.0.1\n");
    hello.write(
        "clock.py",
        "import os\nfrom http.server import *\nopen('store', 'w').write(os.environ['DATABASE_PATH'])\n\
         HTTPServer(('127.0.0.1', int(os.environ['PORT'])), SimpleHTTPRequestHandler).serve_forever()\n",
    );
    hello.isles(&["check"]).ok();
    hello.up();
    assert!(hello.get("/").text().contains("web.sh"), "a listing of the folder");
    assert!(hello.read("store").ends_with("/clock.db"));
    let web = hello.pid("web");
    let variables = process::environment(web);
    assert!(variables.iter().any(|variable| variable.starts_with("CLOCK_URL=http://127.")), "{variables:?}");
    process::signal(web, Signal::KILL);
    wait::until_is("the return of web", &true, || hello.pids("web").iter().any(|pid| *pid != web));
}

#[test]
fn every_verb_of_the_table_exists() {
    let readme = fs::read_to_string(binary::repository().join("README.md")).expect("it is there");
    let sandbox = Sandbox::empty();
    let help = sandbox.isles(&["--help"]).ok();
    let rows = readme.lines().filter(|line| line.starts_with("| `isles "));
    let verbs: Vec<&str> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2))
        .filter_map(|command| command.split(' ').nth(1))
        .collect();
    assert!(verbs.len() >= 12, "{verbs:?}");
    for verb in verbs {
        assert!(help.out.lines().any(|line| line.trim_start().starts_with(verb)), "{verb}: {help:#?}");
    }
}
