//! The manifest: `isles.toml` becomes a [`System`], or a list of everything that is wrong with it.
//!
//! Reading never stops at the first problem: the syntax is recovered, every key is looked at, and what does not fit is
//! collected with its span. Folders are seen through [`Folder`] only, so all of this is a function of text and folder.

mod adaptive;
mod after;
mod bucket;
mod buckets;
mod build;
mod calls;
mod check;
mod diagnostic;
mod disk;
#[cfg(test)]
mod documented;
mod environment;
mod fill;
mod folder;
mod foreign;
mod gateway;
mod health;
pub mod init;
mod keys;
mod limits;
mod migrate;
mod nearest;
mod number;
mod paths;
mod policy;
mod read;
mod render;
mod replicas;
mod report;
mod routes;
mod service;
mod store;
mod streams;
mod syntax;
mod system;
mod table;
mod tls;
mod token;
mod topic;
mod topics;
mod upgrade;
mod variables;

use model::spec::System;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use disk::Disk;
pub use folder::{FileKind, Folder, Memory};
pub use nearest::nearest;
pub use render::render;
pub use variables::{ONE_A_LINE, variables};

/// The name of the manifest's file.
pub const FILE_NAME: &str = "isles.toml";

/// What a manifest's text means.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The system, if there is no error; warnings do not prevent it.
    pub system: Option<System>,
    /// Everything that is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether there is an error; warnings are none.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads a manifest. `folder` is the folder that it lies in.
///
/// The result has a system exactly if no diagnostic is an error.
pub fn parse(text: &str, folder: &dyn Folder) -> Parsed {
    let (document, syntax) = syntax::parse(text);
    let mut cx = read::Cx::new(folder);
    let system = system::read(&mut cx, &document);
    let diagnostics = report::finish(text, syntax, cx.report);
    let mut parsed = Parsed { system, diagnostics };
    if parsed.has_errors() {
        parsed.system = None;
    }
    parsed
}
