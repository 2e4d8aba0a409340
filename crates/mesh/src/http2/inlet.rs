//! The body of one stream.

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;

use super::{
    body::{Lost, Piece, Source, Taken},
    outlet::Outlet,
};

/// The body of one stream. The peer may send more once a piece has gone on.
pub(super) struct Inlet {
    body: RecvStream,
    held: Option<Bytes>,
    taken: Taken,
    /// So many bytes of what is held take room that the peer was granted.
    counted: usize,
}

impl Inlet {
    pub(super) fn new(body: RecvStream) -> Self {
        Self { body, held: None, taken: Taken::default(), counted: 0 }
    }

    /// Puts back what has gone on, if it is kept.
    pub(super) fn put_back(&mut self) {
        if !self.is_spent()
            && let Taken::First(piece) = std::mem::take(&mut self.taken)
        {
            self.held = Some(piece);
        }
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
                Some(Ok(data)) => {
                    self.counted = data.len();
                    self.held = Some(data);
                }
                Some(Err(_)) => return Err(Lost::Gone),
                None => return Ok(None),
            }
        }
    }

    fn taken(&mut self) {
        if let Some(data) = self.held.take() {
            self.taken.add(data);
            // It fails where more is released than was received; that cannot be.
            let _ = self.body.flow_control().release_capacity(std::mem::take(&mut self.counted));
        }
    }

    fn is_spent(&self) -> bool {
        match self.taken {
            Taken::Nothing => false,
            // What came behind it would have to be kept as well.
            Taken::First(_) => self.held.is_some(),
            Taken::More => true,
        }
    }

    /// The body itself does not tell: what came after it would.
    async fn gone(&mut self) {
        std::future::pending::<()>().await;
    }

    async fn broken(&mut self) {
        self.gone().await;
    }

    async fn trailers(&mut self) -> Result<Option<HeaderMap>, Lost> {
        self.taken = Taken::More;
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

    fn is_spent(&self) -> bool {
        self.inlet.is_spent()
    }

    async fn gone(&mut self) {
        self.outlet.gone().await;
    }

    async fn broken(&mut self) {
        self.gone().await;
    }

    async fn trailers(&mut self) -> Result<Option<HeaderMap>, Lost> {
        self.inlet.trailers().await
    }
}
