//! Deploys that need no new instances: what changes holds for those that run.

use std::net::TcpStream;

use tests::{
    http::{Answer, Connection},
    sandbox::Sandbox,
};

use crate::split::WEBSOCKET;

/// One service, built, with these keys.
fn manifest(keys: &str) -> String {
    routed("\"/\" = \"a\"", keys)
}

/// The same behind these routes.
fn routed(routes: &str, keys: &str) -> String {
    format!(
        "[gateway]\nlisten = \"GATEWAY\"\nroutes = {{ {routes} }}\n[services.a]\ndir = \"a\"\nbuild = \"true\"\n\
         run = \"exec python3 service.py\"\n{keys}"
    )
}

/// A system of that service, up.
fn up(keys: &str) -> Sandbox {
    let sandbox = Sandbox::new(&manifest(keys));
    sandbox.write("a/service.py", &sandbox.read("service.py"));
    sandbox.up();
    sandbox
}

#[test]
fn what_was_adjusted_outlives_the_platform() {
    let sandbox = up("");
    let before = sandbox.pids("a");
    for timeout in ["11s", "12s"] {
        sandbox.manifest(&manifest(&format!("drain_timeout = \"{timeout}\"\n")));
        sandbox.isles(&["deploy"]).ok().says(&["no instance had to be replaced"]);
        sandbox.kill_platform();
        assert_eq!(sandbox.pids("a"), before);
    }
    sandbox.manifest(&manifest("env = { V = \"two\" }\n"));
    sandbox.isles(&["deploy"]).ok();
    let replaced = sandbox.pids("a");
    assert_ne!(replaced, before);
    sandbox.kill_platform();
    assert_eq!(sandbox.pids("a"), replaced);
}

type Client = Connection<TcpStream>;

fn get(client: &mut Client, path: &str) -> Answer {
    client.request("GET", path, "", b"").expect("its connection is kept")
}

/// Sends a small text and reads it back.
fn echoes(socket: &mut Client) {
    socket.send(b"\x81\x82\0\0\0\0hi").expect("it is open");
    assert_eq!(socket.read(4).expect("it is open"), b"\x81\x02hi");
}

/// A socket and a client that keeps its connection stay where they are while a policy changes, then a route.
#[test]
fn what_is_open_stays_so_while_policies_and_routes_change() {
    let sandbox = up("");
    let before = sandbox.pids("a");
    let connect = || Connection::tcp(sandbox.gateway).expect("the gateway listens");
    let (mut socket, mut client) = (connect(), connect());
    assert_eq!(socket.request("GET", "/websocket", WEBSOCKET, b"").expect("it answers").status, 101);
    assert_eq!(get(&mut client, "/v/x").text(), "/v/x");
    let mut deploy = |routes: &str| {
        sandbox.manifest(&routed(routes, ""));
        sandbox.isles(&["deploy"]).ok().says(&["no instance had to be replaced"]);
        echoes(&mut socket);
        assert_eq!(sandbox.pids("a"), before);
    };
    let policy = "\"/\" = { to = \"a\", rate = { limit = \"1/h\", burst = 1 } }";
    deploy(policy);
    assert_eq!((get(&mut client, "/pid").status, get(&mut client, "/pid").status), (200, 429));
    deploy(&format!("{policy}, \"/v\" = {{ to = \"a\", strip = true }}"));
    assert_eq!(get(&mut client, "/v/x").text(), "/x");
    assert_eq!(get(&mut client, "/pid").status, 429, "what another route has counted is not forgotten");
}
