//! Whatever the bytes are: an answer, no panic.

use manifest::{Memory, parse, render};
use proptest::prelude::*;

const SEEDS: [&str; 3] = [
    "[system]\nname = \"shop\"\n[gateway]\nlisten = \"127.0.0.1:8080\"\n[gateway.routes]\n\"/u\" = { to = \"u\", strip = true }\n\
     [services.u]\nrun = \"./u\"\nhealth = { path = \"/h\", interval = \"5s\" }\nstore = { engine = \"sqlite\", path = \"a/b.db\" }\n\
     limits = { memory = \"1GiB\", cpu = 0.5 }\ncalls = [\"u\"]\nafter = [\"v\"]\n[services.u.connections.u]\nretries = 2\n\
     balance = { hash = { header = \"x-user\" } }\nrate = { limit = \"100/s\", burst = 20 }\nbreaker = false\n\
     access_log = { sample = 0.01 }\nlimits = { body = \"none\", http2 = { window = \"1MiB\" } }\n[services.v]\nprotocol = \"tcp\"\nrun = \"é\"\n",
    "[system]\nname = \"shop\"\n[upgrade]\npinned = true\nstrategy = \"canary\"\nsteps = [0.5, { weight = 5, wait = \"manual\" }]\n\
     sticky = { cookie = \"sid\" }\ntolerance = { failures = 0.2, latency = 1.25, requests = 9 }\n[services.u]\nrun = \"./u\"\n\
     migrate = { command = \"m\", hold = true, deadline = \"1m\" }\nreplicas = { min = 0, max = 8, concurrency = 5, cpu = 0.5 }\n",
    "services.a = { run = '''x''', env = { A = \"\\u0041\" }, after = [\"a\"] }\nsystem.name = \"a\"\n[[x]]\n[y.\"z\"]\n",
];

fn check(text: &str) {
    let parsed = parse(text, &Memory::new("shop", &[("u/", "")]));
    assert_eq!(parsed.system.is_none(), parsed.has_errors());
    for diagnostic in &parsed.diagnostics {
        assert!(!diagnostic.message.is_empty() && !diagnostic.hint.is_empty(), "{diagnostic:?}");
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1 && diagnostic.span.end <= text.len(), "{diagnostic:?}");
    }
    let shown = render("isles.toml", text, &parsed.diagnostics, false);
    assert_eq!(shown.is_empty(), parsed.diagnostics.is_empty());
    assert!(!shown.contains('\u{1b}'), "escapes are not passed on to the terminal: {shown:?}");
}

fn edit(text: &mut String, (at, length, with): &(usize, usize, String)) {
    let from = text.floor_char_boundary(at % (text.len() + 1));
    let to = text.floor_char_boundary((from + length).min(text.len())).max(from);
    text.replace_range(from..to, with);
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_toml_like_text(text in "([a-z.\"'=\\[\\]{}, \n#0-9éα-]|run|services|system|\u{1b}){0,120}") {
        check(&text);
    }

    #[test]
    fn mutated_manifests(
        seed in 0..SEEDS.len(),
        edits in prop::collection::vec((any::<usize>(), 0..8_usize, "[a-z\"'=\\[\\]{}.,\n\r\u{0}é]{0,4}"), 1..6),
    ) {
        let mut text = SEEDS[seed].to_owned();
        edits.iter().for_each(|one| edit(&mut text, one));
        check(&text);
    }
}

#[test]
fn deep_and_long_texts() {
    for text in [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{b=".repeat(100_000)),
        format!("{}b = 1", "a.".repeat(100_000)),
        format!("[{}b]", "a.".repeat(100_000)),
        format!("[services.a]\n{} = 1", "x".repeat(500_000)),
    ] {
        check(&text);
    }
}

#[test]
fn many_services_in_one_chain_and_one_circle() {
    let service = |i: usize| format!("[services.s{i}]\nrun = \"x\"\nafter = [\"s{}\"]\n", (i + 1) % 3000);
    let text = "[system]\nname = \"a\"\n".to_owned() + &(0..3000).map(service).collect::<String>();
    let parsed = parse(&text, &Memory::default());
    assert_eq!(parsed.diagnostics.len(), 1);
    check(&text);
}
