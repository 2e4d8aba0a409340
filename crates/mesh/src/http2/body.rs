//! Bodies on their way from one version of HTTP to another.

use std::task::Context;

use bytes::Bytes;
use http::HeaderMap;
use wire::http1::HeadError;

/// The largest first piece of a body that is kept.
const KEPT_MAX: usize = 8 * 1024;

/// A piece of a body.
pub(super) struct Piece {
    pub(super) data: Bytes,
    /// Nothing follows, not even trailers.
    pub(super) last: bool,
}

/// What has gone on of a body: its first piece is kept for another attempt, until a second one goes.
#[derive(Default)]
pub(super) enum Taken {
    #[default]
    Nothing,
    First(Bytes),
    More,
}

impl Taken {
    pub(super) fn add(&mut self, piece: Bytes) {
        *self = match self {
            Self::Nothing if piece.len() <= KEPT_MAX => Self::First(piece),
            _ => Self::More,
        };
    }
}

/// Why nothing more of a body comes.
pub(super) enum Lost {
    /// Its sender has gone, or has given it up.
    Gone,
    /// Its sender has given it up, and goes on with others on the same connection.
    Reset,
    /// It is malformed.
    Malformed(HeadError),
}

/// Why a piece did not go on.
#[derive(Debug, Default)]
pub(super) struct NotSent {
    /// Some bytes went on before.
    pub(super) begun: bool,
}

/// Where a body comes from.
pub(super) trait Source {
    /// The next piece, `None` at the end. It is given again until it is [`Source::taken`].
    async fn piece(&mut self) -> Result<Option<Piece>, Lost>;

    /// The last piece has gone on.
    fn taken(&mut self);

    /// Takes in what comes meanwhile, where others on the same connection would suffer from what is left there.
    fn look_ahead(&mut self, context: &mut Context<'_>);

    /// Whether some of it has gone that is not kept, so that no other attempt can send it.
    fn is_spent(&self) -> bool;

    /// Ends when the sender has gone, once the body has ended.
    async fn gone(&mut self);

    /// Ends when the sender has gone before, as far as that shows without reading on.
    async fn broken(&mut self);

    /// What follows the last piece.
    async fn trailers(&mut self) -> Result<Option<HeaderMap>, Lost>;
}

/// Where a body goes to.
pub(super) trait Sink {
    /// Whether the message's head goes with the first bytes.
    const WITH_HEAD: bool;

    /// Sends a piece on; nothing follows the `last` one.
    async fn send(&mut self, piece: Bytes, last: bool) -> Result<(), NotSent>;

    /// Says that it has ended, unless a last piece said so.
    async fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), NotSent>;
}
