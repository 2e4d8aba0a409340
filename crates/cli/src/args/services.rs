//! The arguments of what concerns running services.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use client::{HttpMethod, header};
use model::{ServiceName, parse_duration};

/// The arguments of `logs`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct LogsArgs {
    /// The services [default: all]
    pub services: Vec<ServiceName>,
    /// Go on with new lines as they are written
    #[arg(short = 'f', long)]
    pub follow: bool,
    /// Only lines of this last time, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub since: Option<Duration>,
    /// Only this many of the last lines
    #[arg(long, value_name = "N")]
    pub tail: Option<u32>,
    /// Begin each line with its time
    #[arg(long)]
    pub timestamps: bool,
    /// The manifest or its folder [default: the nearest isles.toml upward]
    #[arg(id = "file", long = "file", global = true, value_name = "PATH")]
    file_without_short: Option<PathBuf>,
}

/// The arguments of `restart`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RestartArgs {
    /// The services
    #[arg(required = true)]
    pub services: Vec<ServiceName>,
}

/// The arguments of `scale`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ScaleArgs {
    /// The services and how many instances each shall have, such as users=3; with --auto the services alone
    #[arg(required = true, value_name = "SERVICE=N", value_parser = parse_scale)]
    pub targets: Vec<(ServiceName, Option<u32>)>,
    /// Let the number follow the load again
    #[arg(long)]
    pub auto: bool,
}

/// The arguments of `call`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CallArgs {
    /// The service
    pub service: ServiceName,
    /// Path and query, such as /users?limit=3
    pub path: String,
    /// The method [default: GET, or POST with --data]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub method: Option<HttpMethod>,
    /// The body; @FILE reads it from a file, @- from standard input. It is application/json unless a header says otherwise
    #[arg(short, long, value_name = "DATA")]
    pub data: Option<String>,
    /// A header field, such as 'accept: text/plain'
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    pub headers: Vec<(header::HeaderName, header::HeaderValue)>,
    /// Write the answer's status and header fields too
    #[arg(short, long, conflicts_with = "json")]
    pub include: bool,
}

fn parse_scale(text: &str) -> Result<(ServiceName, Option<u32>), String> {
    let (service, replicas) = text.split_once('=').map_or((text, None), |(service, n)| (service, Some(n)));
    let service = service.parse().map_err(|error: model::InvalidName| error.to_string())?;
    let number = |n: &str| n.parse().ok().filter(|n| *n <= 1000).ok_or("N is a number from 0 to 1000");
    Ok((service, replicas.map(number).transpose()?))
}

fn parse_header(text: &str) -> Result<(header::HeaderName, header::HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE, such as 'accept: text/plain'")?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` cannot be the name of a header field"))?;
    let value = value.trim().parse().map_err(|_| "the value cannot be in a header field")?;
    Ok((name, value))
}
