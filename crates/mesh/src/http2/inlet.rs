//! The body of one stream.

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;

use super::{
    body::{Lost, Piece, Source},
    outlet::Outlet,
};

/// The body of one stream. The peer may send more once a piece has gone on.
pub(super) struct Inlet {
    body: RecvStream,
    held: Option<Bytes>,
    untouched: bool,
}

impl Inlet {
    pub(super) fn new(body: RecvStream) -> Self {
        Self { body, held: None, untouched: true }
    }
}

impl Source for Inlet {
    async fn piece(&mut self) -> Result<Option<Piece>, Lost> {
        loop {
            if let Some(data) = self.held.clone() {
                return Ok(Some(Piece { data, last: self.body.is_end_stream() }));
            }
            match self.body.data().await {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => self.held = Some(data),
                Some(Err(_)) => return Err(Lost::Gone),
                None => return Ok(None),
            }
        }
    }

    fn taken(&mut self) {
        if let Some(data) = self.held.take() {
            self.untouched = false;
            // It fails where more is released than was received; that cannot be.
            let _ = self.body.flow_control().release_capacity(data.len());
        }
    }

    fn is_untouched(&self) -> bool {
        self.untouched
    }

    /// The body itself does not tell: what came after it would.
    async fn gone(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn trailers(&mut self) -> Result<Option<HeaderMap>, Lost> {
        self.body.trailers().await.map_err(|_| Lost::Gone)
    }
}

/// The body of a client's stream, and an eye on the client.
pub(super) struct Watched<'a> {
    pub(super) inlet: &'a mut Inlet,
    pub(super) outlet: &'a Outlet,
}

impl Source for Watched<'_> {
    async fn piece(&mut self) -> Result<Option<Piece>, Lost> {
        self.inlet.piece().await
    }

    fn taken(&mut self) {
        self.inlet.taken();
    }

    fn is_untouched(&self) -> bool {
        self.inlet.is_untouched()
    }

    async fn gone(&mut self) {
        self.outlet.gone().await;
    }

    async fn trailers(&mut self) -> Result<Option<HeaderMap>, Lost> {
        self.inlet.trailers().await
    }
}
