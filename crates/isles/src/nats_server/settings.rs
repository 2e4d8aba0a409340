//! From flags and the configuration file to the settings of the server.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use cli::{nats_server::NatsServerArgs, report::UserError, settings::Environment};
use streams::{
    conf::{self, Settings, Source, TlsFiles},
    server::{Auth, Config, Identity, Tls, User},
};

/// No configuration file comes near it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the file says, and the flags before it.
pub(super) fn read(args: &NatsServerArgs, environment: &Environment) -> Result<Settings, UserError> {
    let variable = |name: &str| {
        let value = environment.variables.get(std::ffi::OsStr::new(name))?;
        value.to_str().map(str::to_owned)
    };
    let source = Source { read: &read_file, variable: &variable };
    let settings = match &args.config {
        Some(file) => conf::read(file, &source).map_err(|error| UserError::usage(error.to_string(), error.hint))?,
        None => Settings::default(),
    };
    Ok(apply(args, settings))
}

fn read_file(path: &Path) -> std::io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    fs::read_to_string(path)
}

fn apply(args: &NatsServerArgs, mut settings: Settings) -> Settings {
    settings.host = args.address.unwrap_or(settings.host);
    settings.port = args.port.unwrap_or(settings.port);
    settings.monitor = args.http_port.map(|port| (settings.host, port)).or(settings.monitor);
    settings.server.server_name = args.name.clone().unwrap_or(settings.server.server_name);
    if let Some((name, password)) = args.user.clone() {
        let identity = Arc::new(Identity { name, ..Identity::default() });
        settings.server.auth = Auth { users: vec![User { password, identity }], token: None };
    }
    if let Some(token) = args.token.clone() {
        settings.server.auth.token = Some(token);
    }
    if args.jetstream {
        settings.jetstream.get_or_insert_default();
    }
    if let (Some(jetstream), Some(store)) = (&mut settings.jetstream, &args.store) {
        jetstream.store.clone_from(store);
    }
    if let Some(tls) = args.tls.clone() {
        let files = TlsFiles::new(tls.certificate, tls.key);
        settings.tls = Some(TlsFiles { client_ca: tls.client_ca, verify: tls.verify, ..files });
    }
    settings.log_file = args.log.clone().or(settings.log_file);
    settings.pid_file = args.pid.clone().or(settings.pid_file);
    settings
}

/// The settings of the server itself, with the certificate that is in the files now.
pub(super) fn server(settings: &Settings) -> Result<Config, UserError> {
    let tls = settings.tls.as_ref().map(tls).transpose()?;
    Ok(Config { tls, jetstream: settings.jetstream.is_some(), ..settings.server.clone() })
}

/// The settings with the address that `INFO` names.
pub(super) fn listening(server: Config, address: SocketAddr) -> Config {
    Config { host: address.ip().to_string(), port: address.port(), ..server }
}

fn tls(files: &TlsFiles) -> Result<Tls, UserError> {
    let TlsFiles { certificate, key, client_ca, verify, timeout, handshake, is_optional } = files;
    let client_ca = client_ca.as_deref().filter(|_| *verify);
    let settings = mesh::server_settings(certificate, key, client_ca)
        .map_err(|error| UserError::failed(format!("TLS: {error}"), error.hint()))?;
    Ok(Tls { settings, verify: *verify, timeout: *timeout, handshake: *handshake, is_optional: *is_optional })
}

/// What cannot change while the server runs.
pub(super) fn check_fixed(old: &Settings, new: &Settings) -> Result<(), UserError> {
    let changes = [
        ("listen", old.host != new.host || old.port != new.port),
        ("http", old.monitor != new.monitor),
        ("server_name", old.server.server_name != new.server.server_name),
        ("jetstream", old.jetstream != new.jetstream),
        ("log_file", old.log_file != new.log_file),
        ("pid_file", old.pid_file != new.pid_file),
    ];
    match changes.iter().find(|(_, is_changed)| *is_changed) {
        Some((key, _)) => {
            Err(UserError::usage(format!("`{key}` cannot change while the server runs"), "restart the server"))
        }
        None => Ok(()),
    }
}
