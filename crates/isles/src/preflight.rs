//! What can be known to fail before anything is started.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use cli::{project::Project, report::UserError};
use control::Secrets;
use keeper::ServiceManager;
use mesh::TlsError;
use model::spec::System;

use crate::{engines, state::State};

/// Makes sure that every secret is given.
pub(crate) fn secrets(system: &System, secrets: &Secrets) -> Result<(), UserError> {
    secrets.read(system).map(drop).map_err(|trouble| UserError::failed(trouble.cause, trouble.hint))
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
