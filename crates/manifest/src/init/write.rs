//! Writes the manifest.

use std::{collections::BTreeSet, fmt::Write};

use model::{ServiceName, SystemName};

use super::found::Found;

const HEAD: &str = "# What this system consists of. `isles check` says what is wrong here, `isles up` runs it.\n";

const MORE: &str = "\
# replicas = 2           # instances behind one address
# health = \"/healthz\"    # must answer 2xx or 3xx; without it, the port must accept
# store  = \"sqlite\"      # data of its own: gives $DATABASE_URL and $DATABASE_PATH
# calls  = [\"other\"]     # what it may call: gives $OTHER_URL
# publishes = [\"a.b\"]    # messages to whoever subscribes to them: gives $NATS_URL
";

const EXAMPLE: &str = "\
# Nothing was found that could be run, so this is an example: any program that listens on $PORT is a service.
[services.hello]
run = \"python3 -m http.server --bind 127.0.0.1 $PORT\"
# dir    = \"hello\"       # the folder to build and run in
# build  = \"make\"        # the command that builds it
";

/// The manifest of a system of this name, as far as it can be one.
pub(super) fn manifest(name: &str, found: Vec<Found>) -> String {
    let name = valid(name).and_then(|name| name.parse::<SystemName>().ok());
    let name = name.map_or_else(|| "system".into(), |name| name.to_string());
    let services = named(found);
    let mut names: Vec<String> = services.iter().map(|(name, _)| name.to_string()).collect();
    if names.is_empty() {
        names.push("hello".into());
    }
    let mut out = format!("{HEAD}\n[system]\nname = \"{name}\"\n\n{}\n", gateway(&names));
    if services.is_empty() {
        out.push_str(EXAMPLE);
        out.push_str(MORE);
    }
    for (index, (name, found)) in services.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "\n" });
        out.push_str(&service(name, found));
        out.push_str(if index == 0 { MORE } else { "" });
    }
    out
}

/// The nearest valid name.
fn valid(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let clean: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name: String = clean.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).chars().take(60).collect();
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.into())
}

/// Every service with a name of its own.
fn named(found: Vec<Found>) -> Vec<(ServiceName, Found)> {
    let mut taken = BTreeSet::new();
    let mut services = Vec::new();
    for found in found {
        let wish = valid(&found.name).unwrap_or_else(|| "app".into());
        let more = (2_u32..).map(|number| format!("{wish}-{number}"));
        let free = std::iter::once(wish.clone())
            .chain(more)
            .find(|name| !taken.contains(name) && !ServiceName::RESERVED.contains(&&**name));
        if let Some(name) = free.and_then(|name| name.parse::<ServiceName>().ok()) {
            taken.insert(name.to_string());
            services.push((name, found));
        }
    }
    services
}

fn gateway(names: &[String]) -> String {
    let mut out =
        String::from("[gateway]\nlisten = \"127.0.0.1:8080\"\n\n[gateway.routes]         # the longest prefix wins\n");
    for name in names {
        let prefix = if names.len() == 1 { "" } else { name };
        writeln!(out, "\"/{prefix}\" = \"{name}\"").expect("writing to a string cannot fail");
    }
    out
}

fn service(name: &ServiceName, found: &Found) -> String {
    let comment = found.comment.replace(char::is_control, " ");
    let mut out = format!("{:<24} # {comment}\n", format!("[services.{name}]"));
    let mut key = |key: &str, value: String| out.push_str(&format!("{key:<8} = {value}\n"));
    let whole_folder = found.build.is_some() && found.artifact.is_empty();
    if !found.base.as_os_str().is_empty() {
        key("dir", quote(&found.base.to_string_lossy()));
    } else if whole_folder {
        key("dir", quote("."));
    }
    if let Some(build) = &found.build {
        key("build", quote(build));
    }
    if !found.artifact.is_empty() {
        key("artifact", list(&found.artifact));
    }
    if !found.cache.is_empty() {
        key("cache", list(&found.cache));
    }
    key("run", quote(&found.run));
    out
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", "))
}

/// A basic string of TOML 1.0.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}
