//! What the tests of the repository share.

pub mod binary;
pub mod codec;
pub mod foreground;
pub mod http;
pub mod isles;
pub mod load;
pub mod mounted;
pub mod process;
pub mod program;
pub mod sandbox;
pub mod tidy;
pub mod wait;
