//! The example `flask`: two programs that know nothing of Isles, run by their ordinary `flask run`.

use std::process::Command;

use serde_json::json;
use tests::sandbox::{Sandbox, skipped};

/// Why Flask cannot be installed here, if it cannot.
fn obstacle() -> Option<&'static str> {
    let works = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    if !works("python3", &["-c", "import ensurepip, venv"]) {
        return Some("python3 has no module `venv` (apt-get install python3-venv)");
    }
    None
}

#[test]
fn two_flask_programs_work_together() {
    if let Some(why) = obstacle() {
        return skipped("flask::two_flask_programs_work_together", why);
    }
    let flask = Sandbox::example("flask");
    let up = flask.isles(&["up", "-d"]);
    if up.code != Some(0) && up.err.contains("No matching distribution found") {
        return skipped("flask::two_flask_programs_work_together", "the package registry cannot be reached");
    }
    up.ok();
    let ada = flask.post("/users", r#"{"name": "Ada"}"#);
    assert_eq!((ada.status, ada.json()), (201, json!({"id": 1, "name": "Ada"})));
    let order = flask.post("/orders", r#"{"user": 1, "item": "tea"}"#);
    assert_eq!((order.status, order.json()), (201, json!({"user": "Ada", "item": "tea"})));
    assert_eq!(flask.post("/orders", r#"{"user": 9, "item": "tea"}"#).status, 404);
    assert_eq!(flask.get("/orders").json(), json!([{"user": "Ada", "item": "tea"}]));
    flask.isles(&["logs", "users"]).ok().says(&["Running on http://127.0.0.1:"]);
    flask.isles(&["down"]).ok();
    flask.assert_nothing_left();
}
