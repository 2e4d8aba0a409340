//! What a person and Prometheus see of the connections, counted by real requests.

use model::{Reason, api::Why, figures::ConnectionFigures};
use tests::{
    http::{self, Connection},
    sandbox::Sandbox,
    wait,
};

/// `web` may call `back`, with little patience.
const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"

[gateway.routes]
"/" = "web"

[services.web]
run = "python3 service.py"
calls = ["back"]

[services.web.connections.back]
timeout = "500ms"
retries = 0

[services.back]
run = "python3 service.py"
"#;

const TERMINAL: &str = include_str!("../../programs/terminal.py");

fn up() -> Sandbox {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.up();
    sandbox
}

/// The figures of a connection, once so many requests are counted: a request is counted after its answer was sent.
fn figures(sandbox: &Sandbox, connection: &str, requests: u64) -> ConnectionFigures {
    let all = || sandbox.typed::<Vec<ConnectionFigures>>("/v1/connections").into_iter();
    let counted = |figures: &ConnectionFigures| figures.connection == connection && figures.requests >= requests;
    wait::until("the requests to be counted", || all().find(counted))
}

/// The series of the metrics, without their values.
fn series(sandbox: &Sandbox) -> Vec<String> {
    let text = sandbox.isles(&["metrics"]).ok().out;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').expect("a sample").0.to_owned()).collect()
}

#[test]
fn requests_are_counted_by_connection() {
    let sandbox = up();
    for path in ["/pid", "/status/404", "/status/500", "/call/back/status/200", "/call/back/sleep/5"] {
        sandbox.get(path);
    }
    let outside = figures(&sandbox, "gateway -> web", 5);
    assert_eq!((outside.requests, outside.outcomes.client_error, outside.outcomes.server_error), (5, 1, 1));
    let inside = figures(&sandbox, "web -> back", 2);
    assert_eq!((inside.requests, inside.outcomes.success, inside.outcomes.failed), (2, 1, 1), "{inside:?}");
    assert_eq!(inside.reasons.into_iter().collect::<Vec<_>>(), [(Reason::Timeout, 1)]);
    assert_eq!(inside.latency.count, inside.requests);

    let of_back: Vec<ConnectionFigures> = sandbox.typed("/v1/connections?service=back");
    let names: Vec<_> = of_back.iter().map(|figures| figures.connection.as_str()).collect();
    assert_eq!(names, ["operator -> back", "web -> back"]);
    sandbox.isles(&["metrics"]).ok().says(&[
        "\nisles_requests_total{caller=\"gateway\",callee=\"web\",outcome=\"client_error\"} 1\n",
        "\nisles_reasons_total{caller=\"web\",callee=\"back\",reason=\"timeout\"} 1\n",
        "\nisles_request_duration_seconds_count{caller=\"web\",callee=\"back\"} 2\n",
    ]);
    let why: Why = sandbox.typed("/v1/services/back/why");
    assert_eq!((why.connections.len(), why.failures[0].reason), (2, Some(Reason::Timeout)));
    sandbox.isles(&["why", "back"]).ok().says(&[
        "at least 1 request to it failed",
        "web -> back",
        "1 of 2 requests: timeout",
        "hint: raise `timeout`",
    ]);
}

#[test]
fn no_request_makes_a_series() {
    let sandbox = up();
    sandbox.get("/pid");
    figures(&sandbox, "gateway -> web", 1);
    let before = series(&sandbox);
    for i in 0..50 {
        let mut connection = Connection::tcp(sandbox.gateway).expect("the gateway listens");
        let head =
            format!("GET /seen/p{i}?q{i}=1 HTTP/1.1\r\nhost: h{i}.example\r\nx-h{i}: {i}\r\nuser-agent: u{i}\r\n\r\n");
        connection.send(head.as_bytes()).expect("the gateway reads");
        assert_eq!(connection.head().expect("an answer").status, 200);
    }
    figures(&sandbox, "gateway -> web", 51);
    assert_eq!(series(&sandbox), before);
}

#[test]
fn top_shows_a_second_and_gives_the_terminal_back() {
    let sandbox = up();
    let json = sandbox.isles(&["top", "--once", "--json"]).ok().json();
    let names: Vec<_> = json["connections"].as_array().expect("a list").iter().map(|one| &one["connection"]).collect();
    assert_eq!(names, ["gateway -> web", "operator -> back", "operator -> web", "web -> back"]);
    sandbox.isles(&["top", "--once"]).ok().says(&["CONNECTION", "gateway -> web"]);

    sandbox.write("terminal.py", TERMINAL);
    for end in ["q", "$(printf '\\003')", "SIGTERM", "SIGINT", "SIGHUP"] {
        let said = sandbox.shell(&format!("python3 terminal.py CONNECTION \"{end}\" isles top")).ok().json();
        assert_eq!((&said["code"], &said["restored"]), (&0.into(), &true.into()), "{end}: {said}");
        let written = said["written"].as_str().expect("a text");
        assert!(written.starts_with("\u{1b}[?1049h") && written.ends_with("\u{1b}[?1049l"), "{end}: {written}");
    }
}

#[test]
fn figures_of_the_operator_are_his_own() {
    let sandbox = up();
    for _ in 0..3 {
        let answer = http::request_unix(&sandbox.path(".isles/api.sock"), "GET", "/v1/services/back/call/pid", b"");
        assert_eq!(answer.expect("an answer").status, 200);
    }
    assert_eq!(figures(&sandbox, "operator -> back", 3).outcomes.success, 3);
    assert_eq!(figures(&sandbox, "web -> back", 0).requests, 0);
}
