//! The mesh against real servers and raw clients, on real sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod access_log;
mod attest;
mod balance;
mod bounds;
mod call_sockets;
mod certificates;
mod change;
mod drain;
mod expect;
mod explained;
mod figures;
mod frames;
mod framing;
mod grpc;
mod hold;
mod hostile;
mod http2;
mod http2_client;
mod identity;
mod lessons;
mod limits;
mod load;
mod long_lived;
mod messages;
mod panics;
mod policies;
mod probes;
mod race;
mod refusals;
mod refused;
mod releases;
mod retire;
mod retries;
mod rig;
mod split;
mod statuses;
mod streams;
mod tcp;
mod tls;
mod tls_client;
mod unprocessed;
mod upgrades;
mod upstreams;
