//! Every status that the mesh answers by itself, with its reason, over HTTP/1.1 and where it applies over HTTP/2. A head that does not
//! end is in `refusals`, a host that a connection of TLS is not for in `tls`, and what ends a connection of HTTP/2 in `hostile`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, Request};
use model::{ByteSize, Problem, Reason, spec::Policy};
use ports::traffic::{Target, Traffic};
use tokio::{net::TcpStream, time::timeout};

use crate::rig::*;

const SOON: Duration = Duration::from_millis(100);

/// What the one instance does.
#[derive(Clone, Copy)]
enum Instance {
    None,
    Nowhere,
    Echoes,
    KeepsSilent,
    Says(&'static str),
}
use Instance::{Echoes, KeepsSilent, Nowhere, Says};

/// What is asked, in the words of neither version.
struct Asked {
    method: &'static str,
    path: String,
    fields: Vec<(&'static str, &'static str)>,
    /// What of a body comes, and no more.
    body: Option<&'static str>,
}

fn get(path: impl Into<String>) -> Asked {
    Asked { method: "GET", path: path.into(), fields: Vec::new(), body: None }
}

fn post(fields: &[(&'static str, &'static str)]) -> Asked {
    Asked { method: "POST", fields: fields.to_vec(), body: Some("abc"), ..get("/") }
}

async fn rig(policy: fn(&mut Policy), instance: Instance) -> Rig {
    let rig = Rig::with(policy).await;
    let target = match instance {
        Instance::None => None,
        Nowhere => Some(nowhere()),
        Echoes => Some(rig.server(echo).await),
        KeepsSilent => Some(answering(&rig, None).await),
        Says(answer) => Some(answering(&rig, Some(answer)).await),
    };
    let targets: Vec<(u64, Target)> = target.map(|target| (1, target)).into_iter().collect();
    rig.apply(&[("users", true, &targets)]).await;
    rig
}

async fn answering(rig: &Rig, answer: Option<&'static str>) -> Target {
    rig.server(move |mut conn| async move {
        conn.request().await;
        match answer {
            Some(answer) => conn.send(answer).await,
            None => {
                conn.ends().await;
            }
        }
    })
    .await
}

async fn over_http1(address: SocketAddr, asked: &Asked) -> Problem {
    let fields: String = asked.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{} {} HTTP/1.1\r\nhost: a\r\n{fields}\r\n", asked.method, asked.path);
    let mut conn = Conn::new(TcpStream::connect(address).await.unwrap());
    conn.problem(&(head + asked.body.unwrap_or_default())).await
}

async fn over_http2(rig: &Rig, address: SocketAddr, asked: &Asked) -> Problem {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    rig.spawn(async move { drop(connection.await) });
    let mut request = Request::builder().uri(format!("http://a{}", asked.path));
    request = request.method(Method::from_bytes(asked.method.as_bytes()).unwrap());
    for (name, value) in &asked.fields {
        request = request.header(*name, *value);
    }
    let mut sender = sender.ready().await.unwrap();
    let (response, mut body) = sender.send_request(request.body(()).unwrap(), asked.body.is_none()).unwrap();
    if let Some(sent) = asked.body {
        body.send_data(sent.into(), false).unwrap();
    }
    let (head, mut body) = timeout(PATIENCE, response).await.expect("an answer").unwrap().into_parts();
    let mut data = Vec::new();
    while let Some(piece) = timeout(PATIENCE, body.data()).await.expect("more of the answer") {
        data.extend_from_slice(&piece.unwrap());
    }
    let problem: Problem = serde_json::from_slice(&data).unwrap();
    assert_eq!(head.headers["x-isles-reason"], problem.reason.as_str());
    assert_eq!(head.status, problem.status);
    problem
}

fn is(problem: &Problem, reason: Reason) {
    assert_eq!((problem.status, problem.reason.as_str()), (reason.status(), reason.code()), "{problem:?}");
}

/// The status, the reason, and what they are the answer to.
type Row = (u16, Reason, fn(&mut Policy), Instance, Asked);

#[tokio::test]
async fn over_both_versions() {
    let long = "HTTP/1.1 200 OK\r\na: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    let table: [Row; 12] = [
        (400, Reason::BadRequest, |_| {}, Echoes, get("/%00")),
        (408, Reason::BodyTooSlow, |policy| policy.idle_timeout = SOON, Echoes, post(&[("content-length", "9")])),
        (
            413,
            Reason::BodyTooLarge,
            |policy| policy.limits.body = Some(ByteSize(8)),
            Echoes,
            post(&[("content-length", "9")]),
        ),
        (
            414,
            Reason::TargetTooLong,
            |policy| policy.limits.target = ByteSize(64),
            Echoes,
            get(format!("/{}", "a".repeat(64))),
        ),
        (
            431,
            Reason::HeadTooLarge,
            |policy| policy.limits.fields = 2,
            Echoes,
            Asked { fields: vec![("a", "b"); 2], ..get("/") },
        ),
        (501, Reason::NotImplemented, |_| {}, Echoes, Asked { method: "get", ..get("/") }),
        (502, Reason::Refused, |_| {}, Nowhere, get("/")),
        (502, Reason::Reset, |_| {}, Says(""), get("/")),
        (502, Reason::BadResponse, |_| {}, Says("SSH-2.0-x\r\n\r\n"), get("/")),
        (502, Reason::ResponseTooLarge, |policy| policy.limits.response_head = ByteSize(32), Says(long), get("/")),
        (503, Reason::NoUpstream, |_| {}, Instance::None, get("/")),
        (504, Reason::Timeout, |policy| policy.timeout = SOON, KeepsSilent, get("/")),
    ];
    for (status, reason, policy, instance, asked) in table {
        assert_eq!(reason.status(), status);
        let rig = rig(policy, instance).await;
        is(&over_http1(rig.gateway, &asked).await, reason);
        is(&over_http2(&rig, rig.gateway, &asked).await, reason);
        rig.until_in_flight(&id("users", 1), 0).await;
    }
}

#[tokio::test]
async fn an_address_of_no_connection() {
    let rig = rig(|_| {}, Echoes).await;
    let mut routing = rig.routing(&[("users", true, &[])]);
    routing.connections = Arc::default();
    rig.mesh.apply(routing).await;
    assert_eq!(Reason::NotDeclared.status(), 421);
    is(&over_http1(rig.connections, &get("/")).await, Reason::NotDeclared);
    is(&over_http2(&rig, rig.connections, &get("/")).await, Reason::NotDeclared);
}

/// There is no other version to ask for where HTTP/2 is spoken.
#[tokio::test]
async fn grpc_over_http1() {
    let rig = rig(|_| {}, Echoes).await;
    let asked = post(&[("content-length", "3"), ("content-type", "application/grpc")]);
    assert_eq!(Reason::Http2Required.status(), 426);
    is(&over_http1(rig.gateway, &asked).await, Reason::Http2Required);
}
