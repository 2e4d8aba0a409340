//! Bodies on their way from one version of HTTP to another.

use bytes::Bytes;
use http::HeaderMap;
use wire::http1::HeadError;

/// A piece of a body.
pub(super) struct Piece {
    pub(super) data: Bytes,
    /// Nothing follows, not even trailers.
    pub(super) last: bool,
}

/// Why nothing more of a body comes.
pub(super) enum Lost {
    /// Its sender has gone, or has given it up.
    Gone,
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

    /// Whether all of it is still to come, so that another attempt can send it.
    fn is_untouched(&self) -> bool;

    /// Ends when the sender has gone, once the body has ended.
    async fn gone(&mut self);

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
