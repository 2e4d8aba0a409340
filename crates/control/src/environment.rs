//! The environment of a program: what it sees, and nothing else.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use model::{
    NatsUrl, ServiceName,
    spec::{Protocol, Service},
};
use ports::traffic::Target;

use crate::{Config, addresses::Reach, release::Bundle};

/// What one instance is given beside what its service declares.
pub(crate) struct Given<'a> {
    /// Where it must listen; nowhere, if it is no instance.
    pub(crate) target: Option<&'a Target>,
    /// Where it reaches what it may use.
    pub(crate) reach: &'a Reach,
    /// The file of its store.
    pub(crate) database: Option<&'a Path>,
    /// Its secrets.
    pub(crate) secrets: BTreeMap<String, String>,
    /// The NATS server that the manifest names, if it has to do with messages.
    pub(crate) nats: Option<NatsUrl>,
}

/// The environment of an instance. What Isles gives wins over `env`, `env` over `env_file`, that over the host.
pub(crate) fn of_instance(config: &Config, bundle: &Bundle, given: &Given) -> Vec<(String, String)> {
    let service = &*bundle.spec;
    let mut env = own(config, bundle.env_file.clone(), service);
    env.extend(given.secrets.clone());
    match given.target {
        Some(Target::Tcp(address)) => drop(env.insert("PORT".into(), address.port().to_string())),
        Some(Target::Unix(path)) => drop(env.insert("SOCKET".into(), path.display().to_string())),
        None => {}
    }
    if let Some(address) = given.reach.messages {
        env.insert("NATS_URL".into(), format!("nats://{address}"));
    } else if let Some(url) = &given.nats {
        env.insert("NATS_URL".into(), url.to_string());
        let ca = config.system.nats.iter().filter_map(|nats| nats.ca.as_ref());
        env.extend(ca.map(|ca| ("NATS_CA".to_owned(), config.folder.join(ca).display().to_string())));
    }
    for (callee, place) in &given.reach.connections {
        env.insert(format!("{}_URL", callee.env_prefix()), url(service, callee, place.address));
        if let Some(path) = &place.socket {
            env.insert(format!("{}_SOCKET", callee.env_prefix()), path.display().to_string());
        }
    }
    if let Some(path) = given.database {
        env.insert("DATABASE_PATH".into(), path.display().to_string());
        env.insert("DATABASE_URL".into(), format!("sqlite:///{}", path.display()));
    }
    env.into_iter().collect()
}

/// Where the service calls another. With HTTP, callers choose the version themselves.
fn url(service: &Service, callee: &ServiceName, address: SocketAddr) -> String {
    let protocol = service.calls.get(callee).map(|policy| policy.protocol).unwrap_or_default();
    let scheme = match protocol {
        Protocol::Http | Protocol::Http2 => "http",
        Protocol::Tcp => "tcp",
    };
    format!("{scheme}://{address}")
}

/// The environment of a build: the host's and the service's own, without secrets.
pub(crate) fn own(config: &Config, env_file: BTreeMap<String, String>, service: &Service) -> BTreeMap<String, String> {
    let mut env = config.host_env.clone();
    env.extend(env_file);
    env.extend(service.env.clone());
    env
}

#[cfg(test)]
mod tests {
    use model::spec::Policy;

    use super::*;

    #[test]
    fn urls() {
        let callee: ServiceName = "users".parse().unwrap();
        for (protocol, expected) in [
            (Protocol::Http, "http://127.1.2.3:80"),
            (Protocol::Http2, "http://127.1.2.3:80"),
            (Protocol::Tcp, "tcp://127.1.2.3:80"),
        ] {
            let calls = [(callee.clone(), Policy { protocol, ..Policy::default() })].into();
            let service = Service { calls, ..Service::new("./serve") };
            assert_eq!(url(&service, &callee, "127.1.2.3:80".parse().unwrap()), expected);
        }
    }
}
