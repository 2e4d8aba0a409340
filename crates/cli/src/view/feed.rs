//! Status and logs as one stream of events.

use std::{future::pending, pin::Pin, time::Duration};

use client::{Client, ClientError};
use model::{api::LogLine, status::SystemStatus};
use tokio::time::{Interval, interval};

use super::{tail::Tail, watch::Watch};

/// The time between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(100);

/// What a view reacts to.
pub(crate) enum Event {
    /// The system's status, now or after a change.
    Status(SystemStatus),
    /// A log line.
    Log(LogLine),
    /// Time has passed.
    Tick,
    /// The system has ended, and every line of its logs has been seen.
    Ended,
}

/// A stream and its next value. It stays as it is while other events are handled.
type Next<S, T> = Pin<Box<dyn Future<Output = (S, Result<Option<T>, ClientError>)>>>;

/// Status and logs of a system as one stream of events.
pub(crate) struct Feed {
    watch: Option<Next<Watch<SystemStatus>, SystemStatus>>,
    tail: Option<Next<Tail, LogLine>>,
    tick: Option<Interval>,
}

impl Feed {
    /// The status only; with ticks if asked.
    pub(crate) fn new(client: &Client, ticks: bool) -> Self {
        Self { watch: Some(next_status(Watch::new(client, ()))), tail: None, tick: ticks.then(|| interval(TICK)) }
    }

    /// Adds the logs.
    pub(crate) fn follow(&mut self, tail: Tail) {
        self.tail = Some(next_line(tail));
    }

    /// Ends the ticks.
    pub(crate) fn stop_ticking(&mut self) {
        self.tick = None;
    }

    /// The next event. May be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Result<Event, ClientError> {
        while self.watch.is_some() || self.tail.is_some() {
            tokio::select! {
                biased;
                (watch, status) = of(&mut self.watch) => {
                    let status = status?;
                    self.watch = status.is_some().then(|| next_status(watch));
                    if let Some(status) = status {
                        return Ok(Event::Status(status));
                    }
                }
                (tail, line) = of(&mut self.tail) => {
                    let line = line?;
                    self.tail = line.is_some().then(|| next_line(tail));
                    if let Some(line) = line {
                        return Ok(Event::Log(line));
                    }
                }
                () = tick(&mut self.tick) => return Ok(Event::Tick),
            }
        }
        Ok(Event::Ended)
    }
}

fn next_status(mut watch: Watch<SystemStatus>) -> Next<Watch<SystemStatus>, SystemStatus> {
    Box::pin(async {
        let status = watch.next().await;
        (watch, status)
    })
}

fn next_line(mut tail: Tail) -> Next<Tail, LogLine> {
    Box::pin(async {
        let line = tail.next().await;
        (tail, line)
    })
}

async fn of<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => pending().await,
    }
}
