//! Health checks of instances that speak HTTP/2: one request on a connection of its own.

use h2::client::handshake;
use http::Request;
use ports::probes::Answered;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::probe::BODY_BYTES_MAX;

/// The answer to a `GET`.
///
/// # Errors
/// When the connection breaks or what comes is not HTTP/2, in words.
pub(crate) async fn get(stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Result<Answered, String> {
    let said = |error: h2::Error| error.to_string();
    let request = Request::get(format!("http://localhost{path}")).header("user-agent", "isles-health").body(());
    let request = request.map_err(|error| error.to_string())?;
    let (mut sender, connection) = handshake(stream).await.map_err(said)?;
    let (response, _) = sender.send_request(request, true).map_err(said)?;
    let answered = async {
        let mut response = response.await?;
        let status = response.status().as_u16();
        let (mut read, mut body) = (0, Vec::new());
        while read < BODY_BYTES_MAX
            && let Some(piece) = response.body_mut().data().await
        {
            let piece = piece?;
            response.body_mut().flow_control().release_capacity(piece.len())?;
            body.extend(piece.iter().take(Answered::BODY_BYTES_MAX - body.len()));
            read += piece.len();
        }
        Ok(Answered { status, line: format!("HTTP/2 {status}"), body })
    };
    tokio::select! {
        biased;
        answered = answered => answered.map_err(said),
        ended = connection => {
            Err(ended.map_or_else(said, |()| "it closed the connection without an answer".into()))
        }
    }
}
