//! `dir`, `build`, `build_deadline`, `inputs`, `artifact` and `cache`: how a service comes to be.

use std::path::PathBuf;

use model::spec::Service;

use crate::{
    FileKind, paths,
    read::Cx,
    table::{Entry, Table},
};

const CACHE_LATER: [&str; 4] = ["redis", "valkey", "memory", "memcached"];

/// Reads the keys into `spec`.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, spec: &mut Service) {
    let dir = table.get("dir").and_then(|entry| cx.text(&entry, "\"users\""));
    spec.dir = dir.and_then(|text| paths::existing(cx, &text, "dir", FileKind::Folder));
    let build = table.get("build").and_then(|entry| cx.command(&entry, "\"make\""));
    spec.build = build.map(|text| text.value.into());
    cx.fill_duration(table, "build_deadline", &mut spec.build_deadline);
    let inputs = cx.texts_of(table, "inputs", "\"proto/*.proto\"");
    spec.inputs = inputs.iter().filter_map(|text| paths::glob(cx, text, "inputs")).collect();
    let artifact = cx.texts_of(table, "artifact", "\"target/release/users\"");
    spec.artifact = artifact.iter().filter_map(|text| paths::inside(cx, text, "artifact")).collect();
    spec.cache = cache(cx, table);
    check_build(cx, table);
}

fn cache<'a>(cx: &mut Cx<'a>, table: &Table<'a>) -> Vec<PathBuf> {
    let Some(entry) = table.get("cache") else { return Vec::new() };
    if let Some(engine) = entry.value.as_str().filter(|value| CACHE_LATER.contains(value)) {
        cx.planned(
            &entry.span,
            engine,
            "caches are not built yet",
            "remove it for now: `cache` names folders that builds share",
        );
        return Vec::new();
    }
    let folders = cx.texts(&entry, "\"target\"");
    folders.iter().filter_map(|text| paths::inside(cx, text, "cache")).collect()
}

fn check_build(cx: &mut Cx, table: &Table) {
    let Some(build) = table.get("build") else {
        for entry in ["build_deadline", "inputs", "cache"].iter().filter_map(|key| table.get(key)) {
            let finding = cx.report.error(&entry.key_span, format!("`{}` without `build`", entry.key));
            finding
                .hint("add `build = \"…\"`, or remove it; `artifact` alone names files that are made elsewhere")
                .absence();
        }
        return;
    };
    let keeps_nothing = |entry: Entry| entry.value.as_array().is_some_and(|array| array.is_empty());
    if table.get("dir").is_none() && table.get("artifact").is_none_or(keeps_nothing) {
        let finding = cx.report.error(&build.key_span, "`build` without `dir` does not say what to keep");
        finding.hint("add `artifact = [\"target/release/users\"]`, or `dir` to keep its whole folder").absence();
    }
}
