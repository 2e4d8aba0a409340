//! The body of one stream.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;

use super::{
    ahead::Ahead,
    body::{Lost, Piece, Source, Taken},
    outlet::Outlet,
};

/// The body of one stream. The peer may send more once a piece has gone on.
pub(super) struct Inlet {
    body: RecvStream,
    held: Option<Bytes>,
    /// What came behind it.
    ahead: Ahead,
    /// Nothing more comes.
    ended: bool,
    taken: Taken,
    /// So many bytes of what is held take room that the peer was granted.
    counted: usize,
}

impl Inlet {
    /// With `ended` there is none.
    pub(super) fn new(body: RecvStream, ended: bool) -> Self {
        Self { body, held: None, ahead: Ahead::default(), ended, taken: Taken::default(), counted: 0 }
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
                let last = self.ahead.is_empty() && self.body.is_end_stream();
                return Ok(Some(Piece { data, last }));
            }
            let next = match self.ahead.pop() {
                Some(data) => Some(Ok(data)),
                None => self.body.data().await,
            };
            match next {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.counted = data.len();
                    self.held = Some(data);
                }
                Some(Err(error)) => return Err(lost(&error)),
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

    fn look_ahead(&mut self, context: &mut Context<'_>) {
        while !self.ended {
            match self.body.poll_data(context) {
                Poll::Ready(Some(Ok(data))) => self.ahead.push(data),
                // It is told again once what came before has gone on.
                Poll::Ready(_) => self.ended = true,
                Poll::Pending => return,
            }
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
        self.body.trailers().await.map_err(|error| lost(&error))
    }
}

fn lost(error: &h2::Error) -> Lost {
    if error.is_reset() && error.is_remote() { Lost::Reset } else { Lost::Gone }
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

    fn look_ahead(&mut self, context: &mut Context<'_>) {
        self.inlet.look_ahead(context);
    }

    async fn gone(&mut self) {
        let mut gone = pin!(self.outlet.gone());
        poll_fn(|context| {
            self.inlet.look_ahead(context);
            gone.as_mut().poll(context)
        })
        .await;
    }

    async fn broken(&mut self) {
        self.gone().await;
    }

    async fn trailers(&mut self) -> Result<Option<HeaderMap>, Lost> {
        self.inlet.trailers().await
    }
}
