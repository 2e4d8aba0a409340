//! Three servers that know each other.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use crate::{PROGRAM, Server, start};

/// How many servers a cluster has.
const SIZE: usize = 3;

/// Servers that form a cluster.
#[derive(Debug)]
pub struct Cluster {
    /// They, by number.
    pub servers: Vec<Server>,
}

impl Cluster {
    /// The URL of the first one.
    pub fn client_url(&self) -> String {
        self.servers[0].client_url()
    }
}

/// Starts a cluster whose servers share a configuration file.
pub fn run_cluster(config: &str) -> Cluster {
    let routes = free_ports();
    let server = |number: usize| start(Path::new(PROGRAM), config, None, &arguments(number, &routes));
    Cluster { servers: (0..SIZE).map(server).collect() }
}

fn arguments(number: usize, ports: &[u16]) -> Vec<String> {
    let url = |port: &u16| format!("nats://127.0.0.1:{port}");
    let others = ports.iter().filter(|port| **port != ports[number]).map(url).collect::<Vec<_>>().join(",");
    let [cluster, name] = [url(&ports[number]), format!("node{}", number + 1)];
    ["--cluster", &cluster, "--routes", &others, "--cluster_name", "cluster", "-n", &name].map(str::to_owned).into()
}

/// Ports that were free a moment ago. The members must know each other's ports before any of them runs.
fn free_ports() -> Vec<u16> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let listeners: Vec<_> = (0..SIZE).map(bind).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn a_member_is_told_of_the_others() {
        let expected = "--cluster nats://127.0.0.1:2 --routes nats://127.0.0.1:1,nats://127.0.0.1:3 \
                        --cluster_name cluster -n node2";
        assert_eq!(arguments(1, &[1, 2, 3]).join(" "), expected);
    }
}
