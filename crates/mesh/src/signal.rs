//! A signal within one worker: wakes everything that waits for it. No lock, no atomic.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Wakes everything that waits for it.
#[derive(Default)]
pub(crate) struct Signal {
    fired: Cell<u64>,
    places: RefCell<Places>,
}

#[derive(Default)]
struct Places {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Signal {
    pub(crate) fn fire(&self) {
        self.fired.set(self.fired.get() + 1);
        let wakers: Vec<_> = self.places.borrow_mut().wakers.iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends at the next [`Signal::fire`] after this call.
    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait { signal: self, seen: self.fired.get(), place: None }
    }
}

pub(crate) struct Wait<'a> {
    signal: &'a Signal,
    seen: u64,
    place: Option<usize>,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.signal.fired.get() != self.seen {
            return Poll::Ready(());
        }
        let mut places = self.signal.places.borrow_mut();
        let place = self.place.or_else(|| places.free.pop()).unwrap_or_else(|| {
            places.wakers.push(None);
            places.wakers.len() - 1
        });
        match &mut places.wakers[place] {
            Some(waker) => waker.clone_from(context.waker()),
            empty => *empty = Some(context.waker().clone()),
        }
        drop(places);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut places = self.signal.places.borrow_mut();
            places.wakers[place] = None;
            places.free.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(wait: &mut Wait<'_>) -> bool {
        Pin::new(wait).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn wakes_those_that_wait_and_keeps_no_place() {
        let signal = Signal::default();
        let (mut first, mut second) = (signal.wait(), signal.wait());
        assert!(!poll(&mut first) && !poll(&mut second));
        signal.fire();
        assert!(poll(&mut first) && poll(&mut second));
        assert!(!poll(&mut signal.wait()), "an earlier signal does not count");
        drop((first, second));
        for _ in 0..100 {
            assert!(!poll(&mut signal.wait()));
        }
        assert_eq!(signal.places.borrow().wakers.len(), 3);
    }
}
