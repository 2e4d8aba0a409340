//! The way back to the client of one stream.

use std::{
    cell::{OnceCell, RefCell},
    future::poll_fn,
    rc::Rc,
};

use h2::{Reason, RecvStream, server::SendResponse};
use http::Response;

use super::{
    body::NotSent,
    chunk::{Chunk, Queue},
    fields,
    inlet::Inlet,
    pipe::Pipe,
    relay,
    serve::Entrance,
    to_http2::Back,
    wire::Wire,
};
use crate::flow::{Flow, Stop};

/// The way back to the client.
pub(super) struct Outlet {
    respond: RefCell<SendResponse<Chunk>>,
    /// Once the head has been sent.
    pipe: OnceCell<Pipe>,
    queue: Rc<Queue>,
    wire: Rc<Wire>,
}

impl Outlet {
    pub(super) fn new(respond: SendResponse<Chunk>, entrance: &Entrance) -> Self {
        let (queue, wire) = (entrance.queue.clone(), entrance.wire.clone());
        Self { respond: RefCell::new(respond), pipe: OnceCell::new(), queue, wire }
    }

    /// Ends when the client has reset the stream, or has gone.
    pub(super) async fn gone(&self) {
        poll_fn(|context| match self.pipe.get() {
            Some(pipe) => pipe.poll_reset(context),
            None => self.respond.borrow_mut().poll_reset(context).map(drop),
        })
        .await;
    }

    /// A response before the final one. Heads wait without a bound in the crate `h2`, so a client that does not read goes without.
    pub(super) fn inform(&self, response: Response<()>) -> Result<(), NotSent> {
        if self.wire.is_stalled() {
            return Ok(());
        }
        self.respond.borrow_mut().send_informational(response).map_err(|_| NotSent::default())
    }

    /// Sends the head; with `last` there is no body.
    pub(super) fn begin(&self, response: Response<()>, last: bool) -> Result<&Pipe, NotSent> {
        let sent = self.respond.borrow_mut().send_response(response, last);
        let stream = sent.map_err(|_| NotSent::default())?;
        Ok(self.pipe.get_or_init(|| Pipe::new(stream, self.queue.clone())))
    }

    /// The client sees that the response is not whole.
    pub(super) fn break_off(&self, reason: Reason) {
        match self.pipe.get() {
            Some(pipe) => pipe.reset(reason),
            None => self.respond.borrow_mut().send_reset(reason),
        }
    }
}

impl Back for &Outlet {
    async fn inform(&mut self, _: &Flow<'_>, mut response: Response<()>) -> Result<(), Stop> {
        fields::strip(response.headers_mut());
        Outlet::inform(self, response).map_err(|_| Stop::Vanished)
    }

    async fn respond(&mut self, flow: &Flow<'_>, response: Response<RecvStream>) -> Result<bool, Stop> {
        let (mut parts, body) = response.into_parts();
        flow.call.count_sent(fields::strip(&mut parts.headers));
        let ends = body.is_end_stream();
        flow.answered.set(true);
        let mut pipe = self.begin(Response::from_parts(parts, ()), ends).map_err(|_| Stop::Vanished)?;
        if !ends {
            relay::download(flow, &mut Inlet::new(body, false), &mut pipe).await?;
        }
        Ok(true)
    }
}
