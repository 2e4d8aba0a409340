//! The real binary, run as a person runs it. Each test has a folder, ports and processes of its own.

mod api;
mod attest;
mod bad_input;
mod call_sockets;
mod consumers;
mod crash;
mod drain;
mod external;
mod flask;
mod jetstream;
mod mesh;
mod messages;
mod nats_server;
mod readme;
mod release;
mod run;
mod scaling;
mod service;
mod shop;
mod sight;
mod stop;
mod tls;
mod topics;
mod torture;
mod upgrade;
