//! `env`, `env_file` and `secrets`: what a service's programs see.

use std::{collections::BTreeMap, path::Path};

use model::{
    Gather,
    spec::{Listen, Service},
};

use crate::{
    FileKind, paths,
    read::Cx,
    table::{At, Table},
    variables,
};

/// Reads the three keys into `spec`, of which everything that decides on given names was read before.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, spec: &mut Service) {
    let env = env(cx, table);
    let secrets = match table.get("secrets") {
        Some(entry) => cx.texts(&entry, "\"API_KEY\""),
        None => Vec::new(),
    };
    for (name, _) in &env {
        check(cx, name, spec);
    }
    for secret in &secrets {
        check(cx, secret, spec);
        if let Some((plain, _)) = env.iter().find(|(name, _)| name.value == secret.value) {
            let finding =
                cx.report.error(&secret.span, format!("`{}` is both in `secrets` and in `env`", secret.value));
            finding.hint("remove one of them").label(&plain.span, "in `env`");
        }
    }
    spec.env = env.into_iter().map(|(name, value)| (name.value.into(), value)).gather::<BTreeMap<_, _>>();
    spec.secrets = secrets.into_iter().map(|name| name.value.into()).collect();
    let file = table.get("env_file").and_then(|entry| cx.text(&entry, "\"users.env\""));
    spec.env_file = file.and_then(|text| {
        let path = paths::existing(cx, &text, "env_file", FileKind::File)?;
        check_file(cx, &text, &path);
        Some(path)
    });
}

fn check_file(cx: &mut Cx, written: &At<&str>, path: &Path) {
    if cx.folder.kind(path) != FileKind::File {
        return;
    }
    let read = cx.folder.text(path).map(|text| variables(&text));
    let (message, hint) = match read {
        Some(Ok(_)) => return,
        Some(Err(line)) => (format!("line {line} of `{}` is not `NAME=value`", path.display()), variables::ONE_A_LINE),
        None => (
            format!("`{}` cannot be read as UTF-8 of at most 1 MiB", path.display()),
            "save it as UTF-8, and let the user of `isles up` read it",
        ),
    };
    cx.report.error(&written.span, message).hint(hint);
}

fn env<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Vec<(At<&'a str>, String)> {
    let env = table.get("env").and_then(|entry| cx.table(&entry, format!("{}.env", table.name)));
    let entries = env.map(|env| env.entries()).unwrap_or_default();
    let mut variables = Vec::new();
    for entry in entries {
        let value = cx.text(&entry, "\"…\"").map(|text| text.value.to_owned()).unwrap_or_default();
        variables.push((At { value: entry.key, span: entry.key_span }, value));
    }
    variables
}

fn check(cx: &mut Cx, name: &At<&str>, spec: &Service) {
    if !variables::is_name(name.value) {
        let finding = cx.report.error(&name.span, format!("`{}` is not the name of a variable", name.value));
        finding.hint("use letters, digits and `_`, not beginning with a digit");
    } else if let Some(why) = given(name.value, spec, cx.nats_ca) {
        let finding = cx.report.error(&name.span, format!("`{}` is set by Isles: {why}", name.value));
        finding.hint("remove it, or give it another name");
    }
}

/// What Isles gives in the variable, if it gives it.
fn given(name: &str, spec: &Service, nats_ca: bool) -> Option<String> {
    let callee = |suffix: &str| {
        let prefix = name.strip_suffix(suffix)?;
        spec.calls.keys().find(|callee| callee.env_prefix() == prefix)
    };
    match name {
        "PORT" => Some("the port to listen on".into()),
        "SOCKET" => Some("the socket to listen on".into()),
        "DATABASE_URL" | "DATABASE_PATH" if spec.store.is_some() => Some("the service's store".into()),
        "NATS_URL" if spec.uses_messages() => Some("the way to topics and buckets".into()),
        "NATS_CA" if spec.uses_messages() && nats_ca => Some("`ca` of `[streams]`".into()),
        _ => callee("_URL").or_else(|| callee("_SOCKET")).map(|callee| format!("the connection to `{callee}`")),
    }
}

/// Warns of a command that uses what the other way of listening would give.
pub(crate) fn check_command(cx: &mut Cx, run: &At<&str>, listen: Listen) {
    let uses = |name: &str| run.value.contains(&format!("${name}")) || run.value.contains(&format!("${{{name}}}"));
    let (wrong, right, way) = match listen {
        Listen::Port => ("SOCKET", "PORT", "port"),
        Listen::Unix => ("PORT", "SOCKET", "unix"),
    };
    if uses(wrong) && !uses(right) {
        let message = format!("`run` uses ${wrong}, but with `listen = \"{way}\"` only ${right} is given");
        let other = if way == "port" { "unix" } else { "port" };
        cx.report.warning(&run.span, message).hint(format!("use ${right}, or write `listen = \"{other}\"`"));
    }
}
