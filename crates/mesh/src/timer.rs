//! Timers that are set for every request and seldom ring.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, error::Elapsed, sleep_until, timeout};

/// A timer whose moving to a later time costs nothing: it rings at the earlier one and is set anew then.
#[derive(Default)]
pub(crate) struct Timer(RefCell<Option<Pin<Box<Sleep>>>>);

impl Timer {
    /// Ends at that time. One wait at a time.
    pub(crate) async fn until(&self, at: Instant) {
        poll_fn(|context| self.poll(at, context)).await;
    }

    fn poll(&self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.0.borrow_mut();
        let sleep = sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= at {
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
