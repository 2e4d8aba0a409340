//! The flags of `isles nats-server`, written as those of the reference server, so that what starts that one starts this one.

use std::{ffi::OsString, net::IpAddr, path::PathBuf};

use crate::report::UserError;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsServerArgs {
    /// Where to listen.
    pub address: IpAddr,
    /// The port for clients; 0 is any that is free.
    pub port: u16,
    /// The port of the monitoring, if there is to be one; 0 is any that is free.
    pub http_port: Option<u16>,
    /// The user that clients have to be, and its password.
    pub user: Option<(String, String)>,
    /// The token that clients have to give.
    pub token: Option<String>,
    /// The name of the server.
    pub name: Option<String>,
    /// The folder of JetStream's streams, if there is to be JetStream.
    pub store: Option<PathBuf>,
}

/// What `isles nats-server --help` says.
pub const HELP: &str = "\
Run a NATS server alone: the core protocol, and JetStream's streams if asked for

Usage: isles nats-server [FLAGS]

Flags, each also as -flag and with = :
  -p, --port PORT          The port for clients [default: 4222]; -1 is any that is free
  -a, --addr, --net HOST   The address to listen on [default: 127.0.0.1]
  -m, --http_port PORT     Answer /varz, /connz, /subsz and /healthz on this port
  -n, --name NAME          The server's name
  -js, --jetstream         Keep streams and consumers
  -sd, --store_dir DIR     The folder of the streams [default: ./jetstream]
      --user, --pass TEXT  The user that clients have to be
      --auth TOKEN         The token that clients have to give
  -h, --help               Show this
";

/// Reads the flags; `None` asks for [`HELP`].
///
/// # Errors
/// A flag that is unknown, not supported or without its value.
pub fn parse(arguments: &[OsString]) -> Result<Option<NatsServerArgs>, UserError> {
    let mut args = NatsServerArgs {
        address: IpAddr::from([127, 0, 0, 1]),
        port: 4222,
        http_port: None,
        user: None,
        token: None,
        name: None,
        store: None,
    };
    let (mut user, mut pass, mut jetstream, mut folder) = (None, None, false, None);
    let mut rest = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = rest.next() {
        let (flag, inline) = split(&argument)?;
        let mut value = || inline.clone().or_else(|| rest.next()).ok_or_else(|| without_value(&argument));
        match flag {
            "h" | "help" => return Ok(None),
            "p" | "port" => args.port = port(&value()?)?,
            "a" | "addr" | "net" => args.address = address(&value()?)?,
            "m" | "http_port" => args.http_port = Some(port(&value()?)?),
            "n" | "name" | "server_name" => args.name = Some(value()?),
            "user" => user = Some(value()?),
            "pass" => pass = Some(value()?),
            "js" | "jetstream" => jetstream = true,
            "sd" | "store_dir" => folder = Some(PathBuf::from(value()?)),
            "auth" => args.token = Some(value()?),
            _ => return Err(refusal(flag, &argument)),
        }
    }
    args.store = store(jetstream, folder)?;
    args.user = match (user, pass) {
        (Some(user), Some(pass)) => Some((user, pass)),
        (None, None) => None,
        _ => return Err(UserError::usage("--user and --pass belong together", "give both, or --auth TOKEN")),
    };
    Ok(Some(args))
}

fn store(jetstream: bool, folder: Option<PathBuf>) -> Result<Option<PathBuf>, UserError> {
    match (jetstream, folder) {
        (true, folder) => Ok(Some(folder.unwrap_or_else(|| "jetstream".into()))),
        (false, None) => Ok(None),
        _ => Err(UserError::usage("--store_dir is for JetStream only", "give -js too")),
    }
}

/// The name of a flag, and the value behind `=`.
fn split(argument: &str) -> Result<(&str, Option<String>), UserError> {
    let Some(flag) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
        return Err(UserError::usage(format!("`{argument}` is no flag"), "see `isles nats-server --help`"));
    };
    Ok(flag.split_once('=').map_or((flag, None), |(flag, value)| (flag, Some(value.to_owned()))))
}

fn port(text: &str) -> Result<u16, UserError> {
    if text == "-1" {
        return Ok(0);
    }
    let hint = "give a number from 1 to 65535, or -1 for any that is free";
    text.parse().map_err(|_| UserError::usage(format!("`{text}` is no port"), hint))
}

fn address(text: &str) -> Result<IpAddr, UserError> {
    let text = if text == "localhost" { "127.0.0.1" } else { text };
    let wrong = || UserError::usage(format!("`{text}` is no IP address"), "give one such as 127.0.0.1 or ::1");
    text.parse().map_err(|_| wrong())
}

fn without_value(argument: &str) -> UserError {
    UserError::usage(format!("`{argument}` needs a value"), "see `isles nats-server --help`")
}

fn refusal(flag: &str, argument: &str) -> UserError {
    let (cause, hint) = match flag {
        "c" | "config" => ("configuration files of nats-server are not read", "give flags; --help lists them"),
        _ if flag.starts_with("tls") => ("TLS is planned", "leave the flag out"),
        _ if flag.starts_with("cluster") || flag == "routes" => {
            ("there are no clusters", "use a cluster of nats-server where one machine is not enough")
        }
        _ => ("there is no such flag", "see `isles nats-server --help`"),
    };
    UserError::usage(format!("`{argument}`: {cause}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<NatsServerArgs>, String> {
        let arguments: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        parse(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn flags() {
        let default = read("").unwrap().unwrap();
        assert_eq!((default.port, default.address.to_string().as_str(), default.http_port), (4222, "127.0.0.1", None));
        for line in [
            "-p 1 -a ::1 -m -1 --user a --pass b -n x",
            "--port=1 --addr=::1 --http_port=-1 --user=a --pass=b --name=x",
            "-port 1 -net ::1 -http_port 0 -user a -pass b -server_name x",
        ] {
            let expected = NatsServerArgs {
                address: "::1".parse().unwrap(),
                port: 1,
                http_port: Some(0),
                user: Some(("a".into(), "b".into())),
                token: None,
                name: Some("x".into()),
                store: None,
            };
            assert_eq!(read(line), Ok(Some(expected)), "{line}");
        }
        assert_eq!(read("--auth t").unwrap().unwrap().token.as_deref(), Some("t"));
        for (line, folder) in [("-js", "jetstream"), ("--jetstream -sd /a", "/a"), ("--store_dir=/a -js", "/a")] {
            assert_eq!(read(line).unwrap().unwrap().store, Some(folder.into()), "{line}");
        }
        assert_eq!(["-h", "--help", "-p 1 -help"].map(read), [const { Ok(None) }; 3]);
    }

    #[test]
    fn refusals() {
        for (line, cause) in [
            ("-p", "`-p` needs a value"),
            ("-p x", "`x` is no port"),
            ("-p 65536", "`65536` is no port"),
            ("-a here", "`here` is no IP address"),
            ("--store_dir=/tmp", "--store_dir is for JetStream only"),
            ("-c file", "`-c`: configuration files of nats-server are not read"),
            ("--tlscert x", "`--tlscert`: TLS is planned"),
            ("--cluster x", "`--cluster`: there are no clusters"),
            ("--user a", "--user and --pass belong together"),
            ("--what", "`--what`: there is no such flag"),
            ("4222", "`4222` is no flag"),
        ] {
            assert_eq!(read(line), Err(cause.into()), "{line}");
        }
    }
}
