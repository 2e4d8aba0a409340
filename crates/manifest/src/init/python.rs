//! `requirements.txt`: a virtual environment, and the server that the requirements name.

use std::path::Path;

use super::found::Found;
use crate::{FileKind, Folder};

const BUILD: &str = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt";
const MODULES: [&str; 4] = ["app", "main", "server", "wsgi"];

pub(super) fn find(folder: &dyn Folder, base: &Path) -> Vec<Found> {
    let Some(requirements) = folder.text(&base.join("requirements.txt")) else { return Vec::new() };
    let has = |name: &str| folder.kind(&base.join(name)) == FileKind::File;
    let module = MODULES.into_iter().find(|module| has(&format!("{module}.py"))).unwrap_or("app");
    let run = run(&packages(&requirements), has("manage.py"), module);
    let comment = format!("from {}", base.join("requirements.txt").display());
    vec![Found { build: Some(BUILD.into()), ..Found::in_folder(base, &comment, run) }]
}

/// The names of the required packages, in lower case.
fn packages(requirements: &str) -> Vec<String> {
    let name = |line: &str| {
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(line.len());
        line[..end].to_ascii_lowercase()
    };
    requirements.lines().map(|line| name(line.trim())).filter(|name| !name.is_empty()).collect()
}

fn run(packages: &[String], managed: bool, module: &str) -> String {
    let needs = |name: &str| packages.iter().any(|package| package == name);
    match () {
        () if managed || needs("django") => ".venv/bin/python manage.py runserver --noreload 127.0.0.1:$PORT".into(),
        () if needs("fastapi") || needs("uvicorn") => format!(".venv/bin/uvicorn {module}:app --port $PORT"),
        () if needs("gunicorn") => format!(".venv/bin/gunicorn --bind 127.0.0.1:$PORT {module}:app"),
        () if needs("flask") => format!(".venv/bin/flask --app {module} run --port $PORT"),
        () => format!(".venv/bin/python {module}.py"),
    }
}
