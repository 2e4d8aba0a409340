//! The environment of a program: what it sees, and nothing else.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use model::{
    NatsUrl, ServiceName,
    spec::{Nats, Protocol, Service},
};
use ports::traffic::Target;

use crate::{Config, addresses::Reach};

/// What one instance is given beside what its service declares.
pub(crate) struct Given<'a> {
    /// Where it must listen.
    pub(crate) target: &'a Target,
    /// Where it reaches what it may use.
    pub(crate) reach: &'a Reach,
    /// The file of its store.
    pub(crate) database: Option<&'a Path>,
}

/// The environment of an instance. What Isles gives wins over `env`, `env` over `env_file`, that over the host.
pub(crate) fn of_instance(
    config: &Config,
    name: &ServiceName,
    service: &Service,
    given: &Given,
) -> Vec<(String, String)> {
    let mut env = of_build(config, name, service);
    let secrets = service.secrets.iter().filter_map(|name| config.secrets.get_key_value(name));
    env.extend(secrets.map(|(name, value)| (name.clone(), value.clone())));
    match given.target {
        Target::Tcp(address) => env.insert("PORT".into(), address.port().to_string()),
        Target::Unix(path) => env.insert("SOCKET".into(), path.display().to_string()),
    };
    if let Some(address) = given.reach.messages {
        env.insert("NATS_URL".into(), format!("nats://{address}"));
    } else if let Some(nats) = config.system.nats.as_ref().filter(|_| service.uses_messages()) {
        env.insert("NATS_URL".into(), nats_url(config, nats, name, service).to_string());
        env.extend(nats.ca.iter().map(|ca| ("NATS_CA".to_owned(), config.folder.join(ca).display().to_string())));
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

/// The NATS server of the system, as the service's own user where it has one.
fn nats_url(config: &Config, nats: &Nats, name: &ServiceName, service: &Service) -> NatsUrl {
    let password = nats.secret(name, service).and_then(|secret| config.secrets.get(&secret));
    let own = password.and_then(|password| nats.url.for_user(name.as_str(), password).ok());
    own.unwrap_or_else(|| nats.url.clone())
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
pub(crate) fn of_build(config: &Config, name: &ServiceName, service: &Service) -> BTreeMap<String, String> {
    let mut env = config.host_env.clone();
    env.extend(config.env_files.get(name).cloned().unwrap_or_default());
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
