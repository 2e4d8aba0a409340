//! `docs/manifest.md` has every key and its default.

use std::{collections::BTreeMap, fs};

use model::spec::System;

use crate::{
    Memory,
    keys::{self, Keys, POLICY},
    parse,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manifest.md");

/// A heading, its keys, and where in which manifest `@` is one of them.
type Section = (&'static str, &'static [&'static str], Option<&'static str>);

const SERVICE: &str = "[services.users]\nrun = \"x\"\nbuild = \"x\"\nartifact = [\"x\"]\n@";
const GATEWAY: &str = "[services.users]\nrun = \"x\"\n[gateway]\nlisten = \"127.0.0.1:80\"\n";
const CONNECTION: &str = "[services.users]\nrun = \"x\"\ncalls = [\"users\"]\n[services.users.connections.users]\n";

fn own(keys: &Keys) -> &'static [&'static str] {
    keys.known[0]
}

fn sections() -> Vec<Section> {
    vec![
        ("The file", own(&keys::ROOT), None),
        ("`[system]`", own(&keys::SYSTEM), Some("@\nSERVICE ")),
        ("`[gateway]`", own(&keys::GATEWAY), Some("GATEWAY @")),
        ("`[gateway.tls]`", own(&keys::TLS), None),
        ("`[gateway.connections]`", own(&keys::CONNECTIONS), Some("GATEWAY connections = { @ }")),
        ("`[gateway.routes]`", own(&keys::ROUTE), Some("GATEWAY routes = { \"/\" = { to = \"users\", @ } }")),
        ("`[services.NAME]`", own(&keys::SERVICE), Some(SERVICE)),
        ("`[services.NAME.health]`", own(&keys::HEALTH), Some("SERVICE health = { @ }")),
        ("`[services.NAME.limits]`", own(&keys::LIMITS), None),
        ("`[services.NAME.store]`", own(&keys::STORE), None),
        (
            "`[services.NAME.replicas]`",
            own(&keys::REPLICAS),
            Some("SERVICE replicas = { max = 8, concurrency = 50, @ }"),
        ),
        ("`[services.NAME.adaptive_concurrency]`", own(&keys::ADAPTIVE), Some("SERVICE adaptive_concurrency = { @ }")),
        ("`[services.NAME.migrate]`", own(&keys::MIGRATE), Some("SERVICE migrate = { command = \"x\", @ }")),
        ("`[services.NAME.upgrade]`", keys::EVERY_STRATEGY, Some("SERVICE [services.users.upgrade]\n@")),
        ("Rolling", keys::ROLLING, Some("SERVICE [services.users.upgrade]\n@")),
        ("Blue-green and canary", keys::KEPT, Some("SERVICE upgrade = { strategy = \"canary\", @ }")),
        ("Blue-green", keys::BLUE_GREEN, Some("SERVICE upgrade = { strategy = \"blue-green\", @ }")),
        ("Canary", keys::CANARY, Some("SERVICE upgrade = { strategy = \"canary\", @ }")),
        ("`steps`", own(&keys::STEP), Some("SERVICE upgrade = { strategy = \"canary\", steps = [{ weight = 5, @ }] }")),
        ("`sticky`", own(&keys::STICKY), None),
        ("`tolerance`", own(&keys::TOLERANCE), Some("SERVICE upgrade = { strategy = \"canary\", tolerance = { @ } }")),
        ("`[upgrade]`", own(&keys::SYSTEM_UPGRADE), Some("SERVICE \n[upgrade]\n@")),
        ("`[services.NAME.connections.CALLEE]`", own(&keys::CONNECTION), None),
        ("`[topics.NAME]`", own(&keys::TOPIC), Some("SERVICE publishes = [\"a\"]\n[topics.a]\n@")),
        ("`[buckets.NAME]`", own(&keys::BUCKET), Some("SERVICE buckets = [\"a\"]\n[buckets.a]\n@")),
        ("`[objects.NAME]`", own(&keys::OBJECTS), Some("SERVICE objects = [\"a\"]\n[objects.a]\n@")),
        ("`durability`", own(&keys::DURABILITY), None),
        ("`[streams]`", own(&keys::STREAMS), Some("SERVICE \n[streams]\n@")),
        ("Policy", POLICY, Some("POLICY @")),
        ("`retry_budget`", own(&keys::RETRY_BUDGET), Some("POLICY retry_budget = { @ }")),
        ("`balance`", own(&keys::BALANCE), None),
        ("`hash`", own(&keys::HASH), Some("POLICY balance = { hash = { path = true, @ } }")),
        ("`rate`", own(&keys::RATE), None),
        ("`breaker`", own(&keys::BREAKER), Some("POLICY breaker = { @ }")),
        ("`outlier`", own(&keys::OUTLIER), Some("POLICY outlier = { @ }")),
        ("`access_log`", own(&keys::ACCESS_LOG), None),
        ("`limits`", own(&keys::MESSAGE_LIMITS), Some("POLICY limits = { @ }")),
        ("`http2`", own(&keys::HTTP2), Some("POLICY limits = { http2 = { @ } }")),
    ]
}

/// The rows of each heading's table, each by its cells.
fn tables(page: &str) -> BTreeMap<&str, Vec<Vec<&str>>> {
    let mut tables: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    let mut heading = "";
    for line in page.lines() {
        if let Some(text) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            heading = text;
        } else if line.starts_with("| `") {
            let cells = line.trim_matches('|').split('|').map(str::trim).collect();
            tables.entry(heading).or_default().push(cells);
        }
    }
    tables
}

fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

fn system(text: &str) -> System {
    let files = [("users/a", ""), ("tls/cert.pem", ""), ("tls/key.pem", "")];
    let parsed = parse(text, &Memory::new("shop", &files));
    assert!(!parsed.has_errors(), "{text}\n{:?}", parsed.diagnostics);
    parsed.system.expect("without errors there is a system")
}

/// The defaults of a row, each with the beginnings of the manifests that it is the default in.
fn defaults<'a>(row: &[&'a str]) -> Vec<(&'a str, &'static [&'static str])> {
    let columns: &[(&str, &[&str])] = match row {
        [_, _, gateway, between, _] => &[(gateway, &[GATEWAY]), (between, &[CONNECTION])],
        [_, _, default, _] => &[(default, &[GATEWAY, CONNECTION])],
        _ => panic!("a row has four or five cells: {row:?}"),
    };
    columns.iter().filter_map(|(cell, places)| Some((code(cell)?, *places))).collect()
}

fn check_default(template: &str, key: &str, default: &str, policies: &[&str]) {
    let template = template.replace("SERVICE ", SERVICE.trim_end_matches('@')).replace("GATEWAY ", GATEWAY);
    let places = if template.starts_with("POLICY ") { policies } else { &[""] };
    for place in places {
        let template = format!("[system]\nname = \"shop\"\n{}", template.replace("POLICY ", place));
        let (with, without) = (template.replace('@', &format!("{key} = {default}")), template.replace('@', ""));
        assert_eq!(system(&with), system(&without), "`{key}` has another default than {default}\n{with}");
    }
}

#[test]
fn every_key_and_every_default() {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut tables = tables(&page);
    for (heading, keys, template) in sections() {
        let rows = tables.remove(heading).unwrap_or_default();
        let documented: Vec<_> = rows.iter().filter_map(|row| code(row[0])).collect();
        assert_eq!(sorted(&documented), sorted(keys), "the keys under {heading}");
        for (row, key) in rows.iter().zip(documented) {
            for (default, policies) in defaults(row) {
                let template = template.unwrap_or_else(|| panic!("no default can be checked under {heading}"));
                check_default(template, key, default, policies);
            }
        }
    }
    assert_eq!(tables.into_keys().collect::<Vec<_>>(), [""; 0], "tables of no known keys");
}

fn sorted<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys
}

#[test]
fn every_example() {
    let page = fs::read_to_string(PAGE).unwrap();
    let base = "[system]\nname = \"shop\"\n[services.users]\nrun = \"x\"\n[services.orders]\nrun = \"x\"\ncalls = [\"users\"]\n";
    let examples: Vec<_> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let whole = if example.contains("[system]") { example.into() } else { format!("{base}{example}") };
        system(&whole);
    }
}
