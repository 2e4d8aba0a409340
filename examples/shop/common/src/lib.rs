//! What the shop's four programs share: serving HTTP, opening a database, calling one another, saying no.
//!
//! All that they know of the world comes from the environment: `$PORT`, `$DATABASE_PATH` and `$USERS_URL` and the like.

mod database;
mod error;
mod input;
mod remote;
mod serve;

pub use database::Database;
pub use error::{Error, Fault};
pub use input::{Input, number};
pub use remote::Remote;
pub use serve::run;
