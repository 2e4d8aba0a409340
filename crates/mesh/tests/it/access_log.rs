//! The access log.

use model::spec::AccessLog;
use serde_json::Value;

use crate::{http2_client, rig::*};

/// The lines that are there once so many are, without what differs from run to run.
pub(crate) async fn lines(rig: &Rig, count: usize) -> Vec<Value> {
    loop {
        let text = std::fs::read_to_string(rig.folder.path().join("access.log")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.len() >= count {
            return lines;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn failures_are_logged_and_others_only_on_request() {
    for (log, expected) in [
        (AccessLog::Off, &[][..]),
        (AccessLog::Errors, &[503]),
        (AccessLog::Sampled(0), &[503]),
        (AccessLog::Sampled(1000), &[200, 503]),
    ] {
        let rig = Rig::with(|policy| policy.access_log = log).await;
        rig.serves(echo).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/a?secret=1").await.0, 200);
        rig.apply(&[("users", true, &[])]).await;
        client.send("GET /b HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(client.response().await.0, 503);
        let lines = lines(&rig, expected.len()).await;
        let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, expected, "{log:?}");
        let Some(last) = lines.last() else { continue };
        assert_eq!((&last["reason"], &last["path"]), (&"no-upstream".into(), &"/b".into()));
        assert_eq!((&last["connection"], &last["method"]), (&"gateway -> users".into(), &"GET".into()));
        if let [first, _] = &lines[..] {
            assert_eq!((&first["path"], &first["instance"]), (&"/a".into(), &"users/1#1".into()), "no query");
            assert_eq!((&first["peer"], &first["host"]), (&"127.0.0.1".into(), &"a".into()));
            assert_eq!(first["trace"].as_str().unwrap().len(), 55);
        }
    }
}

#[tokio::test]
async fn requests_of_both_versions_are_logged_alike() {
    let rig = Rig::with(|policy| policy.access_log = AccessLog::Sampled(1000)).await;
    rig.serves(echo).await;
    let mut client = rig.client().await;
    let mut sender = http2_client::connect(&rig, rig.gateway).await;
    for path in ["/a?secret=1", "/%00"] {
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: shop.test\r\n\r\n")).await;
        let (status, ..) = client.response().await;
        assert_eq!(http2_client::send(&mut sender, http2_client::request("GET", path, "")).await.0, status);
        client = rig.client().await;
    }
    rig.apply(&[("users", true, &[])]).await;
    client.send("GET /b HTTP/1.1\r\nhost: shop.test\r\n\r\n").await;
    assert_eq!(client.response().await.0, 503);
    assert_eq!(http2_client::send(&mut sender, http2_client::request("GET", "/b", "")).await.0, 503);
    let mut lines = lines(&rig, 6).await;
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        for differs in ["at", "micros", "received", "sent", "trace"] {
            assert!(line.remove(differs).is_some(), "{differs}");
        }
    }
    lines.sort_by_key(|line| line["path"].to_string());
    let pairs: Vec<_> = lines.chunks(2).map(|pair| (&pair[0], &pair[1])).collect();
    for ((one, other), (path, status, reason)) in
        pairs.into_iter().zip([("", 400, Some("bad-request")), ("/a", 200, None), ("/b", 503, Some("no-upstream"))])
    {
        assert_eq!(one, other);
        assert_eq!((&one["path"], &one["status"], one["reason"].as_str()), (&path.into(), &status.into(), reason));
        // Of a malformed head nothing is believed.
        let host = if path.is_empty() { "" } else { "shop.test" };
        assert_eq!((&one["peer"], &one["host"]), (&"127.0.0.1".into(), &host.into()));
    }
}
