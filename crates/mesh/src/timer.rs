//! Timers that are set for every request and seldom ring.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    task::coop,
    time::{Instant, Sleep, error::Elapsed, sleep_until, timeout},
};

/// A timer of one task whose moving to a later time costs nothing: it rings at the earlier one and is set anew then.
#[derive(Default)]
pub(crate) struct Timer {
    sleep: RefCell<Option<Pin<Box<Sleep>>>>,
    /// It will wake the task.
    armed: Cell<bool>,
}

impl Timer {
    /// Ends at that time. One wait at a time.
    #[cfg(test)]
    async fn until(&self, at: Instant) {
        poll_fn(|context| self.poll(at, context)).await;
    }

    /// Whether the time has come; if not, the task is woken then, or before.
    pub(crate) fn poll(&self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.sleep.borrow_mut();
        let sleep = sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if self.armed.get() && sleep.deadline() <= at && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        // Without budget it does not take the waker: it is asked again at once.
        self.armed.set(coop::has_budget_remaining());
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= at {
                self.armed.set(false);
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

/// As [`timeout`], but a timer is made only if there is something to wait for.
///
/// The future is pinned by the caller: to move it here would take its room twice.
pub(crate) async fn within<T>(limit: Duration, mut future: Pin<&mut impl Future<Output = T>>) -> Result<T, Elapsed> {
    match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => timeout(limit, future).await,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_timer_rings_when_it_was_last_told_to() {
        let (timer, start) = (Timer::default(), Instant::now());
        for (before, at) in [(10, 30), (40, 35), (36, 36), (100, 50)] {
            let (before, at) = (start + Duration::from_secs(before), start + Duration::from_secs(at));
            tokio::select! {
                biased;
                () = timer.until(before.max(at)) => panic!("it rings too early"),
                () = std::future::ready(()) => {}
            }
            timer.until(at).await;
            assert_eq!(Instant::now().max(at), Instant::now());
            assert!(Instant::now() <= at + Duration::from_millis(2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_ends_what_takes_longer() {
        let second = Duration::from_secs(1);
        assert_eq!(within(second, pin!(std::future::ready(7))).await, Ok(7));
        assert_eq!(within(second, pin!(tokio::time::sleep(second / 2))).await, Ok(()));
        assert!(within(second, pin!(std::future::pending::<()>())).await.is_err());
    }
}
