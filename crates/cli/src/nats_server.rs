//! The flags of `isles nats-server`, written as those of the reference server, so that what starts that one starts this one.

use std::{ffi::OsString, net::IpAddr, path::PathBuf};

use crate::report::UserError;

/// What the flags say; what they leave out is as the configuration file or the server has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NatsServerArgs {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// Whether the configuration is only looked at.
    pub check: bool,
    /// Where to listen.
    pub address: Option<IpAddr>,
    /// The port for clients; 0 is any that is free.
    pub port: Option<u16>,
    /// The port of the monitoring, if there is to be one; 0 is any that is free.
    pub http_port: Option<u16>,
    /// The user that clients have to be, and its password.
    pub user: Option<(String, String)>,
    /// The token that clients have to give.
    pub token: Option<String>,
    /// The name of the server.
    pub name: Option<String>,
    /// Whether there is to be JetStream.
    pub jetstream: bool,
    /// The folder of JetStream's streams.
    pub store: Option<PathBuf>,
    /// TLS, if there is to be TLS.
    pub tls: Option<TlsArgs>,
    /// Where the log goes.
    pub log: Option<PathBuf>,
    /// Where the process id is written.
    pub pid: Option<PathBuf>,
}

/// The files for TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsArgs {
    /// The certificate, then those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whom the certificates of clients have to be from.
    pub client_ca: Option<PathBuf>,
    /// Whether clients have to have one.
    pub verify: bool,
}

/// What `isles nats-server --help` says.
pub const HELP: &str = "\
Run a NATS server alone: the core protocol, and JetStream if asked for

Usage: isles nats-server [FLAGS]

Flags, each also as -flag and with = :
  -c, --config FILE        A configuration file of nats-server; flags go before it
  -t                       Check the configuration, and end
  -p, --port PORT          The port for clients [default: 4222]; -1 is any that is free
  -a, --addr, --net HOST   The address to listen on [default: 127.0.0.1]
  -m, --http_port PORT     Answer /varz, /connz, /subsz, /jsz and /healthz on this port
  -n, --name NAME          The server's name
  -js, --jetstream         Keep streams and consumers
  -sd, --store_dir DIR     The folder of the streams, if they are kept [default: ./jetstream]
      --user, --pass TEXT  The user that clients have to be
      --auth TOKEN         The token that clients have to give
      --tls                Speak TLS, with the files that the next flags name
      --tlscert FILE       The certificate, in PEM
      --tlskey FILE        Its private key
      --tlsverify          Clients have to have a certificate, from
      --tlscacert FILE     one of these authorities
  -l, --log FILE           Write the log there instead of standard error
  -P, --pid FILE           Write the process id there
  -h, --help               Show this

SIGUSR2 asks clients to leave and then ends, SIGHUP reads the configuration again, SIGTERM and SIGINT end.
";

/// The flags that belong together only once all are known.
#[derive(Default)]
struct Parts {
    user: Option<String>,
    pass: Option<String>,
    tls: bool,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    verify: bool,
}

/// Reads the flags; `None` asks for [`HELP`].
///
/// # Errors
/// A flag that is unknown, not supported or without its value.
pub fn parse(arguments: &[OsString]) -> Result<Option<NatsServerArgs>, UserError> {
    let (mut args, mut parts) = (NatsServerArgs::default(), Parts::default());
    let mut rest = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = rest.next() {
        let (flag, inline) = split(&argument)?;
        let mut value = || inline.clone().or_else(|| rest.next()).ok_or_else(|| without_value(&argument));
        match flag {
            "h" | "help" => return Ok(None),
            "c" | "config" => args.config = Some(value()?.into()),
            "t" => args.check = true,
            "p" | "port" => args.port = Some(port(&value()?)?),
            "a" | "addr" | "net" => args.address = Some(address(&value()?)?),
            "m" | "http_port" => args.http_port = Some(port(&value()?)?),
            "n" | "name" | "server_name" => args.name = Some(value()?),
            "user" => parts.user = Some(value()?),
            "pass" => parts.pass = Some(value()?),
            "auth" => args.token = Some(value()?),
            "js" | "jetstream" => args.jetstream = true,
            "sd" | "store_dir" => args.store = Some(value()?.into()),
            "tls" => parts.tls = true,
            "tlscert" => parts.certificate = Some(value()?.into()),
            "tlskey" => parts.key = Some(value()?.into()),
            "tlscacert" => parts.client_ca = Some(value()?.into()),
            "tlsverify" => parts.verify = true,
            "l" | "log" => args.log = Some(value()?.into()),
            "P" | "pid" => args.pid = Some(value()?.into()),
            _ => return Err(refusal(flag, &argument)),
        }
    }
    args.user = match (parts.user.take(), parts.pass.take()) {
        (Some(user), Some(pass)) => Some((user, pass)),
        (None, None) => None,
        _ => return Err(UserError::usage("--user and --pass belong together", "give both, or --auth TOKEN")),
    };
    args.tls = parts.tls()?;
    Ok(Some(args))
}

impl Parts {
    fn tls(self) -> Result<Option<TlsArgs>, UserError> {
        let is_asked = self.tls || self.verify || self.client_ca.is_some();
        match (self.certificate, self.key) {
            (None, None) if !is_asked => Ok(None),
            (Some(_), Some(_)) if self.verify && self.client_ca.is_none() => Err(UserError::usage(
                "--tlsverify needs --tlscacert",
                "name the file with whom clients' certificates are from",
            )),
            (Some(certificate), Some(key)) => {
                Ok(Some(TlsArgs { certificate, key, client_ca: self.client_ca, verify: self.verify }))
            }
            _ => Err(UserError::usage("TLS needs --tlscert and --tlskey", "give both")),
        }
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
        _ if flag.starts_with("cluster") || flag == "routes" => {
            ("there are no clusters", "use a cluster of nats-server where one machine is not enough")
        }
        "D" | "V" | "DV" | "DVV" | "VV" | "debug" | "trace" => {
            ("there is no trace", "what happens is in the log and the monitoring; leave it out")
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
        assert_eq!(read(""), Ok(Some(NatsServerArgs::default())));
        for line in [
            "-p 1 -a ::1 -m -1 --user a --pass b -n x -c f -P i -l o -js -sd /a",
            "--port=1 --addr=::1 --http_port=-1 --user=a --pass=b --name=x --config=f --pid=i --log=o --store_dir=/a --jetstream",
            "-port 1 -net ::1 -http_port 0 -user a -pass b -server_name x -config f -pid i -log o -sd=/a -jetstream",
        ] {
            let expected = NatsServerArgs {
                config: Some("f".into()),
                address: Some("::1".parse().unwrap()),
                port: Some(1),
                http_port: Some(0),
                user: Some(("a".into(), "b".into())),
                name: Some("x".into()),
                jetstream: true,
                store: Some("/a".into()),
                log: Some("o".into()),
                pid: Some("i".into()),
                ..NatsServerArgs::default()
            };
            assert_eq!(read(line), Ok(Some(expected)), "{line}");
        }
        assert_eq!(read("--auth t").unwrap().unwrap().token.as_deref(), Some("t"));
        assert!(read("-t -c x").unwrap().unwrap().check);
        for (line, verify, client_ca) in [
            ("--tls --tlscert c --tlskey k", false, None),
            ("--tlscert c --tlskey k --tlscacert a", false, Some("a".into())),
            ("--tlsverify --tlscert=c --tlskey=k --tlscacert=a", true, Some("a".into())),
        ] {
            let expected = TlsArgs { certificate: "c".into(), key: "k".into(), client_ca, verify };
            assert_eq!(read(line).unwrap().unwrap().tls, Some(expected), "{line}");
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
            ("--tls", "TLS needs --tlscert and --tlskey"),
            ("--tlscert x", "TLS needs --tlscert and --tlskey"),
            ("--tlscert x --tlskey y --tlsverify", "--tlsverify needs --tlscacert"),
            ("--cluster x", "`--cluster`: there are no clusters"),
            ("-DV", "`-DV`: there is no trace"),
            ("--user a", "--user and --pass belong together"),
            ("--what", "`--what`: there is no such flag"),
            ("4222", "`4222` is no flag"),
        ] {
            assert_eq!(read(line), Err(cause.into()), "{line}");
        }
    }
}
