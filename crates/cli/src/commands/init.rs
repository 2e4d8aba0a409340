use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use manifest::{Disk, FILE_NAME};
use serde::Serialize;

use crate::{Context, exit::ExitCode, report::UserError};

#[derive(Serialize)]
struct Written<'a> {
    manifest: &'a Path,
}

pub(crate) fn run(context: Context<'_>, path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = context.settings.one_path(path)?.unwrap_or(Path::new(""));
    let target = target(path, &context.settings.current_dir);
    let absolute = context.settings.current_dir.join(&target);
    let text = manifest::init::suggest(&Disk::new(absolute.parent().unwrap_or(Path::new("/"))));
    write(&absolute, &text).map_err(|error| refusal(&error, &target))?;
    if context.settings.json {
        context.terminal.print_json(&Written { manifest: &target })?;
    } else {
        context.terminal.print(&format!("wrote {}\n", target.display()))?;
        context.terminal.say("look it over, then try `isles check` and `isles up`\n");
    }
    Ok(ExitCode::Ok)
}

/// The file to write: `path` itself if it is named like a manifest, else the manifest in that folder.
fn target(path: &Path, current_dir: &Path) -> PathBuf {
    let names_a_file =
        path.extension().is_some_and(|extension| extension == "toml") && !current_dir.join(path).is_dir();
    if names_a_file { path.into() } else { path.join(FILE_NAME) }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}

fn refusal(error: &io::Error, path: &Path) -> UserError {
    match error.kind() {
        ErrorKind::AlreadyExists => {
            UserError::failed(format!("{} exists already", path.display()), "edit it, or remove it first")
        }
        _ => UserError::failed(format!("{} cannot be written: {error}", path.display()), "name another folder"),
    }
}
