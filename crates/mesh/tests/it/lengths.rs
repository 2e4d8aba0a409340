//! The length of answers of instances that speak HTTP/2, to clients that do not.

use http::Response;
use hyper::body::Bytes;
use model::spec::Protocol;

use crate::rig::*;

/// Answers as the path says: the status, the length that it declares if any, and whether the end comes with the head.
async fn instance(conn: Conn) {
    let Ok(mut connection) = h2::server::handshake(conn.into_stream()).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let said: Vec<_> = request.uri().path().split('/').collect();
        let head = Response::builder().status(said[1]);
        let head = if said[2].is_empty() { head } else { head.header("content-length", said[2]) };
        let at_once = said[3] == "at-once";
        let mut body = respond.send_response(head.body(()).unwrap(), at_once).unwrap();
        if !at_once {
            body.send_data(Bytes::new(), true).unwrap();
        }
    }
}

/// RFC 9110 section 8.6: a length in an answer to HEAD, or in a 304, is that of another answer.
#[tokio::test]
async fn what_has_no_body_gets_no_length_that_the_instance_did_not_give() {
    let rig = Rig::with(|policy| policy.protocol = Protocol::Http2).await;
    let target = rig.server(instance).await;
    rig.apply(&[("users", true, &[(1, target)])]).await;
    let mut client = rig.client().await;
    for (method, path, expected) in [
        ("HEAD", "/200//at-once", ""),
        ("HEAD", "/200//later", ""),
        ("HEAD", "/200/7/at-once", "content-length: 7\r\n"),
        ("GET", "/304//at-once", ""),
        ("GET", "/304//later", ""),
        ("GET", "/204//at-once", ""),
        ("GET", "/204//later", ""),
        ("GET", "/200//at-once", "content-length: 0\r\n"),
        ("GET", "/200//later", "transfer-encoding: chunked\r\n"),
    ] {
        client.send(&format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let (_, head, body) = client.response_to(method).await;
        let (_, fields) = head.split_once("\r\n").unwrap();
        assert_eq!((fields, body.len()), (&*format!("{expected}\r\n"), 0), "{method} {path}");
    }
}
