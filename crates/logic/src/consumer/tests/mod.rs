//! Rules as short dialogues, and any order of events against a model that keeps everything.

mod acks;
mod config;
mod pulls;
mod push;
mod random;
mod starts;
mod world;
