//! Streams: implements `ports::streams`. The embedded engine keeps all buckets in one journal. The NATS server carries messages
//! between services, in the platform as `messages`, which implements `ports::messages`. `jetstream` is the API of JetStream as text
//! and values; `engine` serves its streams over the journal; `conf` reads the configuration file of nats-server.

mod client;
pub mod conf;
mod embedded;
pub mod engine;
mod external;
pub mod jetstream;
mod messages;
pub mod server;
mod users;

pub use embedded::{Buckets, is_free};
pub use external::{ConnectError, External};
pub use messages::{MessageServer, StartError};
pub use users::nats_users;
