//! Answers that are streams of JSON objects, one a line.

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use ports::tasks::{TaskKind, Tasks};
use serde::Serialize;

/// Objects that may wait for the reader.
const OBJECTS_MAX: usize = 64;

/// The sending half of a stream.
pub(super) struct Objects(Sender<Bytes>);

impl Objects {
    /// Sends an object; an error when the reader has gone.
    pub(super) async fn send(&mut self, object: &impl Serialize) -> Result<(), ()> {
        let mut line = serde_json::to_vec(object).map_err(drop)?;
        line.push(b'\n');
        self.0.send_data(line.into()).await.map_err(drop)
    }
}

/// An answer whose objects `feed` sends.
pub(super) fn respond<F>(tasks: &Tasks, feed: impl FnOnce(Objects) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, body) = Channel::<Bytes, std::convert::Infallible>::new(OBJECTS_MAX);
    tasks.spawn(TaskKind::Work("api stream"), feed(Objects(sender)));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::new(body)).into_response()
}
