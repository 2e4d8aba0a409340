//! What can be known to fail before anything is started.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use cli::{project::Project, report::UserError};
use keeper::ServiceManager;
use mesh::TlsError;
use model::{ServiceName, spec::System};

use crate::{engines, secrets, state::State};

/// The content of every `env_file`.
pub(crate) fn env_files(
    system: &System,
    project: &Path,
) -> Result<BTreeMap<ServiceName, BTreeMap<String, String>>, UserError> {
    let mut all = BTreeMap::new();
    for (name, service) in &system.services {
        let Some(file) = &service.env_file else { continue };
        let path = project.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let cause = format!("the env_file {} of `{name}` cannot be read: {error}", path.display());
            UserError::failed(cause, "check the path and its permissions")
        })?;
        let variables = secrets::parse(&text).map_err(|line| {
            let cause = format!("{}:{line}: not `NAME=value`", path.display());
            UserError::failed(cause, "write one variable a line")
        })?;
        all.insert(name.clone(), variables);
    }
    Ok(all)
}

/// Makes sure that the gateway's port is free, unless the service manager has kept the listener on it.
pub(crate) fn gateway_port(system: &System, project: &Project, manager: &ServiceManager) -> Result<(), UserError> {
    let gateway = system.gateway.as_ref().filter(|gateway| !manager.has_kept("gateway", gateway.listen));
    let Some(gateway) = gateway else { return Ok(()) };
    // Standard listeners set SO_REUSEADDR, as the keeper does: connections that linger do not count.
    match TcpListener::bind(gateway.listen) {
        Ok(_) => Ok(()),
        Err(error) => Err(cannot_listen(gateway.listen, &error, project)),
    }
}

/// Makes sure that the gateway's certificate and its key can be used.
pub(crate) fn certificate(system: &System, project: &Path, state: &State) -> Result<(), UserError> {
    let source = engines::certificate(system, project, state);
    source.map_or(Ok(()), |source| source.check()).map_err(|error| no_certificate(&error))
}

pub(crate) fn no_certificate(error: &TlsError) -> UserError {
    UserError::failed(format!("the gateway's certificate: {error}"), error.hint())
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error, project: &Project) -> UserError {
    let manifest = project.manifest.display();
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let owner = runtime::port_owner(address);
            let by = owner.map_or("another process".into(), |(pid, name)| format!("`{name}`, process {pid}"));
            let cause = format!("the gateway's address {address} is in use by {by}");
            UserError::failed(cause, format!("stop it, or change `listen` of [gateway] in {manifest}"))
        }
        std::io::ErrorKind::PermissionDenied => UserError::failed(
            format!("the gateway may not listen on {address}: {error}"),
            "use a port from 1024 on, or grant CAP_NET_BIND_SERVICE",
        ),
        _ => UserError::failed(
            format!("the gateway cannot listen on {address}: {error}"),
            format!("use an address of this host in `listen` of [gateway] in {manifest}"),
        ),
    }
}
