//! Rules as tables, and any order of events against a model that keeps everything.

mod config;
pub(crate) mod fake;
mod random;
mod rules;
mod time;
pub(crate) mod world;
