//! What the advisories of other proxies teach, where it is about more than the codec (see `crates/wire/tests/http1_rules`), and the
//! rules that it takes a whole mesh to keep. HTTP/2's are in `hostile`.
//!
//! The rules that have their tests elsewhere: where a message ends (`expect`, `framing`, `refusals`), HTTP/2 is translated without loss
//! of a rule (`hostile`), upgrades (`upgrades`), and what a client is told of a malformed answer (`refusals::what_instances_do_wrong`).
//!
//! These have no test, as there is nothing here that could go wrong so:
//!
//! - CVE-2026-2836 of Pingora, answers of a cache that go to another host or tenant: there is no cache, and the key `cache` is refused.
//! - CVE-2026-26330 of Envoy, a client of a rate limiter that is used again in another phase of its request: rates are counted here, by
//!   no client, and what a request borrows of them is a value that ends with it (`guard::Passed`).
//! - GHSA-82j2-j2ch-gfr8 and RUSTSEC-2026-0285 of rustls and its webpki, a panic over a list of revoked certificates and unbounded memory
//!   over a compressed one: no such list is read (`tls::settings::verifier`), compressed certificates are not asked for
//!   (`cve_2026_123610_certificates_are_not_compressed`), and a panic would end one connection alone (`panics`).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use model::spec::{AccessLog, Balance, HashKey, Policy, Route};
use ports::traffic::{GatewayRouting, Routing, Target, Traffic};
use tokio::sync::mpsc;

use crate::{
    http2_client::{connect, request, send},
    rig::*,
};

async fn rig_with(policy: impl FnOnce(&mut Policy)) -> Rig {
    let rig = Rig::with(policy).await;
    rig.serves(mirror).await;
    rig
}

/// Answers every request with its head.
async fn mirror(mut conn: Conn) {
    while let Some((head, _)) = conn.request().await {
        let length = head.len();
        conn.send(&format!("HTTP/1.1 200 OK\r\nX-Isles-Reason: forged\r\ncontent-length: {length}\r\n\r\n{head}"))
            .await;
    }
}

/// The fields of that name in what a mirror answered.
fn fields<'a>(head: &'a str, name: &'a str) -> Vec<&'a str> {
    let named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
    head.lines().filter(named).map(|line| line[name.len() + 1..].trim()).collect()
}

async fn seen(conn: &mut Conn, fields: &str) -> String {
    conn.send(&format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")).await;
    String::from_utf8(conn.response().await.2).unwrap()
}

#[tokio::test]
async fn cve_2024_45806_x_forwarded_for_is_told_from_the_right() {
    const SAID: &str = "x-forwarded-for: 6.6.6.6, 7.7.7.7\r\nx-forwarded-proto: https\r\nX-Forwarded-For: 8.8.8.8\r\n";
    for (trusted, addresses, scheme) in [
        (None, "127.0.0.1", "http"),
        (Some("10.0.0.0/8"), "127.0.0.1", "http"),
        (Some("127.0.0.0/8"), "6.6.6.6, 7.7.7.7, 8.8.8.8, 127.0.0.1", "https"),
    ] {
        let rig = Rig::new().await;
        let target = rig.server(mirror).await;
        let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
        let gateway = GatewayRouting::clone(routing.gateway.as_ref().unwrap());
        let trusted = trusted.into_iter().map(|network| network.parse().unwrap()).collect();
        routing.gateway = Some(Arc::new(GatewayRouting { trusted, ..gateway }));
        rig.mesh.apply(routing).await;
        let head = seen(&mut rig.client().await, SAID).await;
        assert_eq!(fields(&head, "x-forwarded-for"), [addresses], "one line, the peer that we saw ourselves last");
        assert_eq!(fields(&head, "x-forwarded-proto"), [scheme]);
    }
}

#[tokio::test]
async fn a_program_learns_what_was_taken_off_its_path() {
    const SAID: &str = "X-Forwarded-Prefix: /outer\r\n";
    let rig = Rig::new().await;
    let target = rig.server(mirror).await;
    for (trusted, stripped, whole) in
        [(None, &["/stock"][..], &[][..]), (Some("127.0.0.0/8"), &["/outer, /stock"], &["/outer"])]
    {
        let services = [("users", true, &[(1, target.clone())][..]), ("stock", true, &[(1, target.clone())])];
        let mut routing = rig.routing(&services);
        let gateway = GatewayRouting::clone(routing.gateway.as_ref().unwrap());
        let trusted = trusted.into_iter().map(|network| network.parse().unwrap()).collect();
        routing.gateway = Some(Arc::new(GatewayRouting { trusted, ..gateway }));
        rig.mesh.apply(routing).await;
        let mut sender = connect(&rig, rig.gateway).await;
        for (path, prefixes) in [("/stock", stripped), ("/stock/a", stripped), ("/stocks", whole)] {
            let mut client = rig.client().await;
            client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n{SAID}\r\n")).await;
            let mut over_http2 = request("GET", path, "");
            over_http2.headers_mut().append("x-forwarded-prefix", "/outer".parse().unwrap());
            for head in [client.response().await.2, send(&mut sender, over_http2).await.2] {
                let head = String::from_utf8(head).unwrap();
                assert_eq!(fields(&head, "x-forwarded-prefix"), prefixes, "{path}");
            }
        }
    }
    let head = seen(&mut rig.caller().await, SAID).await;
    assert_eq!(fields(&head, "x-forwarded-prefix"), ["/outer"], "between services their own word counts");
}

#[tokio::test]
async fn internal_fields_end_at_every_entry() {
    const FORGED: &str = "X-Isles-Caller: root\r\nx-isles-reason: a\r\nX-ISLES-User: b\r\n";
    let rig = rig_with(|_| {}).await;
    for mut conn in [rig.client().await, rig.caller().await] {
        conn.send(&format!("GET / HTTP/1.1\r\nhost: a\r\n{FORGED}\r\n")).await;
        let (_, head, body) = conn.response().await;
        assert!(!head.to_ascii_lowercase().contains("x-isles-"), "{head}");
        only_the_time(&String::from_utf8(body).unwrap());
    }
    for address in [rig.gateway, rig.connections] {
        let mut sender = connect(&rig, address).await;
        let mut get = request("GET", "/", "");
        get.headers_mut().insert("x-isles-caller", "root".parse().unwrap());
        let (_, response, body) = send(&mut sender, get).await;
        assert!(!response.headers().contains_key("x-isles-reason"));
        only_the_time(&String::from_utf8(body).unwrap());
    }
}

/// A deadline is taken from whoever gives one in gRPC's words, and in ours from callers and trusted peers.
#[tokio::test]
async fn who_may_shorten_the_time() {
    const POLICY_MS: u64 = 300_000;
    const OURS: &str = "x-isles-timeout-ms: 90000\r\n";
    let rig = rig_with(|policy| policy.timeout = Duration::from_millis(POLICY_MS)).await;
    let routing = rig.routing(&[("users", true, &[(1, rig.server(mirror).await)])]);
    let gateway = GatewayRouting::clone(routing.gateway.as_ref().unwrap());
    for (trusted, said, from_gateway, from_caller) in [
        ("10.0.0.0/8", OURS, POLICY_MS, 90_000),
        ("10.0.0.0/8", "grpc-timeout: 90S\r\n", 90_000, 90_000),
        ("127.0.0.0/8", OURS, 90_000, 90_000),
    ] {
        let trusted = vec![trusted.parse().unwrap()];
        let gateway = Some(Arc::new(GatewayRouting { trusted, ..gateway.clone() }));
        rig.mesh.apply(Routing { gateway, ..routing.clone() }).await;
        for (mut conn, limit) in [(rig.client().await, from_gateway), (rig.caller().await, from_caller)] {
            let head = seen(&mut conn, said).await;
            let [left] = fields(&head, "x-isles-timeout-ms")[..] else { panic!("one line: {head}") };
            let left: u64 = left.parse().unwrap();
            assert!((limit - 89_999..=limit).contains(&left), "{said} of {limit} ms: {left}");
        }
    }
}

fn only_the_time(head: &str) {
    let ours: Vec<_> = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("x-isles-")).collect();
    assert!(matches!(ours[..], [time] if time.starts_with("x-isles-timeout-ms: ")), "{ours:?}");
}

#[tokio::test]
async fn cve_2026_26308_cve_2026_31838_every_value_of_a_field_counts() {
    const TRACE: [&str; 2] = [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-11111111111111111111111111111111-2222222222222222-01",
    ];
    let rig = rig_with(|_| {}).await;
    let mut caller = rig.caller().await;
    for said in
        ["x-isles-timeout-ms: 9000\r\nx-isles-timeout-ms: 800\r\n", "grpc-timeout: 9S\r\ngrpc-timeout: 800m\r\n"]
    {
        let head = seen(&mut caller, said).await;
        let left: u64 = fields(&head, "x-isles-timeout-ms")[0].parse().unwrap();
        assert!((1..=800).contains(&left), "the least counts: {left}");
    }
    let one = seen(&mut caller, &format!("traceparent: {}\r\ntracestate: a=1\r\n", TRACE[0])).await;
    assert_eq!((&fields(&one, "traceparent")[..], &fields(&one, "tracestate")[..]), (&[TRACE[0]][..], &["a=1"][..]));
    let two = format!("traceparent: {}\r\ntraceparent: {}\r\nTraceState: a=1\r\n", TRACE[0], TRACE[1]);
    let two = seen(&mut caller, &two).await;
    // Trace Context section 4.3: what goes with a trace means nothing to another.
    assert!(fields(&two.to_lowercase(), "tracestate").is_empty(), "{two}");
    let [begun] = fields(&two, "traceparent")[..] else { panic!("one trace: {two}") };
    assert!(!TRACE.contains(&begun), "neither of two counts");
}

#[tokio::test]
async fn cve_2026_26308_a_hash_takes_every_value() {
    let servers = Rig::new().await;
    let names = ["a", "b", "c", "d"];
    let mut targets: Vec<(u64, Target)> = Vec::new();
    for (name, run) in names.into_iter().zip(1..) {
        targets.push((run, servers.server(named(name)).await));
    }
    for (key, once, twice) in [
        (HashKey::Header("x-user".into()), "x-user: same", "x-user: same\r\nx-user: {}"),
        (HashKey::Cookie("sid".into()), "cookie: sid=same", "cookie: sid=same; sid={}"),
        (HashKey::Cookie("sid".into()), "cookie: sid=same", "cookie: sid=same\r\ncookie: sid={}"),
    ] {
        let rig = Rig::with(|policy| policy.balance = Balance::Hash { key, load_percent_max: 1000 }).await;
        rig.apply(&[("users", true, &targets)]).await;
        let mut caller = rig.caller().await;
        let (mut first, mut second) = (BTreeSet::new(), BTreeSet::new());
        for number in 0..30 {
            first.insert(seen(&mut caller, &format!("{once}\r\n")).await);
            second.insert(seen(&mut caller, &format!("{}\r\n", twice.replace("{}", &number.to_string()))).await);
        }
        assert_eq!((first.len(), second.len()), (1, names.len()), "{twice}");
    }
}

#[tokio::test]
async fn trailers_of_http_1_1_end_here() {
    const CHUNKS: &str = "2\r\nhe\r\n3\r\nllo\r\n0\r\nX-User: root\r\nX-Isles-Reason: a\r\n\r\n";
    let rig = Rig::new().await;
    let (told, mut seen) = mpsc::channel(1);
    rig.serves(move |mut conn| {
        let told = told.clone();
        async move {
            conn.request_head().await;
            let mut body = String::new();
            while !body.ends_with("0\r\n\r\n") {
                body.push_str(&String::from_utf8(conn.exactly(1).await).unwrap());
            }
            told.send(body).await.unwrap();
            conn.send(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKS}")).await;
        }
    })
    .await;
    let mut client = rig.client().await;
    client
        .send(&format!("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKS}"))
        .await;
    let answer = client.rest().await;
    for body in [seen.recv().await.unwrap(), answer] {
        let lower = body.to_ascii_lowercase();
        assert!(lower.ends_with("0\r\n\r\n") && !lower.contains("x-user") && !lower.contains("x-isles"), "{body}");
    }
}

#[tokio::test]
async fn cve_2025_43915_figures_do_not_grow_with_what_clients_say() {
    let rig = rig_with(|_| {}).await;
    let mut client = rig.client().await;
    for number in 0..300 {
        client
            .send(&format!("M-{} /{number} HTTP/1.1\r\nhost: host-{number}.test\r\n\r\n", "X".repeat(number % 9)))
            .await;
        assert_eq!(client.response().await.0, 200);
    }
    let names: Vec<_> = rig.mesh.connections().into_iter().map(|one| one.connection).collect();
    assert_eq!(names, ["gateway -> users", "orders -> users"]);
}

#[tokio::test]
async fn cve_2026_26309_cve_2026_47220_every_line_of_the_access_log_is_json() {
    let rig = rig_with(|policy| policy.access_log = AccessLog::Sampled(1000)).await;
    let targets = ["/a'b", "/%22%5B%7B", "/a%0d%0Ab", "/%c3%a9%ff", "/a?\\\"", "/%7f", "http://other/x", "/{}", "*"];
    let mut sent = 0;
    for target in targets {
        let mut client = rig.client().await;
        client
            .send(&format!("OPTIONS {target} HTTP/1.1\r\nhost: a\r\ntraceparent: \\\"\r\nconnection: close\r\n\r\n"))
            .await;
        let head = client.rest().await;
        sent += usize::from(head.starts_with("HTTP/1.1 200"));
    }
    assert!(sent > 5, "{sent}");
    // Without a host, and with one that has to be escaped.
    for head in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\"b\r\n\r\n"] {
        let mut client = rig.client().await;
        client.send(head).await;
        assert!(client.rest().await.starts_with("HTTP/1.1 400 "), "{head:?}");
        sent += 1;
    }
    let path = rig.folder.path().join("access.log");
    loop {
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).expect(line)));
        if text.lines().count() >= sent {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// What routes, and what the instance sees, is one path.
#[tokio::test]
async fn ghsa_6jwx_7vp4_9847_a_prefix_is_taken_off_the_path_that_routes() {
    let rig = Rig::new().await;
    let target = rig.server(echo).await;
    rig.apply(&[("users", true, &[]), ("orders", true, &[(1, target)])]).await;
    let mut client = rig.client().await;
    for (asked, seen) in [
        ("/orders/admin", "/admin"),
        ("/%6frders/%61dmin", "/admin"),
        ("/orders/a/../admin%3Fx", "/admin%3Fx"),
        ("/orders//admin", "//admin"),
    ] {
        assert_eq!(client.get(asked).await, (200, format!("GET {seen} HTTP/1.1|")), "{asked}");
    }
    for elsewhere in ["/orders/../users", "//orders/admin", "/orders%20/admin"] {
        assert_eq!(client.get(elsewhere).await.0, 503, "{elsewhere} is the other service's");
    }
}

#[tokio::test]
async fn cve_2026_39350_names_are_compared_as_they_are() {
    let rig = Rig::new().await;
    let target = rig.server(echo).await;
    let mut routing = rig.routing(&[("users", true, &[(1, target)])]);
    let gateway = GatewayRouting::clone(routing.gateway.as_ref().unwrap());
    let route = Route { host: Some("api.a.test".into()), ..Route::new("/", "users".parse().unwrap()) };
    routing.gateway = Some(Arc::new(GatewayRouting { routes: vec![route], ..gateway }));
    rig.mesh.apply(routing).await;
    let mut client = rig.client().await;
    for (host, status) in [
        ("api.a.test", 200),
        ("API.A.test:80", 200),
        ("apixaxtest", 404),
        ("api-a.test", 404),
        ("x.api.a.test", 404),
        ("api.a.test.evil", 404),
    ] {
        client.send(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!(client.response().await.0, status, "{host}");
    }
}
