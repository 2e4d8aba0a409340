//! Places among those that wait for room, and of those that wait for something else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use tokio::sync::Notify;

use crate::bound::Bound;

/// What stands in line.
pub(crate) struct Ticket {
    /// Whom it does not overtake.
    pub(crate) lane: u32,
    /// How many may be inside with it, itself among them.
    pub(crate) max: u32,
    /// Changes while the line is locked.
    called: AtomicBool,
    bell: Notify,
}

impl Ticket {
    pub(crate) fn new(lane: u32, max: u32) -> Self {
        Self { lane, max, called: AtomicBool::new(false), bell: Notify::new() }
    }

    /// It is inside from now on.
    pub(crate) fn call(&self) {
        self.called.store(true, SeqCst);
        self.bell.notify_one();
    }

    pub(crate) fn was_called(&self) -> bool {
        self.called.load(SeqCst)
    }
}

/// A place in line. Dropped before it has entered, it is given up.
pub(crate) struct Place<'a> {
    bound: &'a Bound,
    ticket: Arc<Ticket>,
    entered: bool,
}

impl<'a> Place<'a> {
    pub(crate) fn new(bound: &'a Bound, ticket: Arc<Ticket>) -> Self {
        Self { bound, ticket, entered: false }
    }

    /// Ends once it is inside: then [`Bound::leave`] is due.
    pub(crate) async fn entered(&mut self) {
        self.ticket.bell.notified().await;
        self.entered = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.entered {
            self.bound.give_up(&self.ticket);
        }
    }
}

/// Somebody that waits for something else than room, until it is dropped.
pub(crate) struct Held<'a>(pub(crate) &'a Bound);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}
