//! The workers among themselves: how many connections of clients each one has, and the way to hand one over.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use logic::spread;
use tokio::sync::{Notify, mpsc};

use crate::{bound::Padded, listener::Kind};

/// How many connections may wait for a worker; who has accepted one more serves it itself.
const WAITING_MAX: usize = 64;

/// All workers.
pub(crate) struct Crew {
    members: Box<[Member]>,
    /// Told whenever a connection ends.
    left: Notify,
}

struct Member {
    open: Padded<AtomicU32>,
    inbox: mpsc::Sender<(Accepted, Seat)>,
}

/// The connections that a worker takes over.
pub(crate) type Inbox = mpsc::Receiver<(Accepted, Seat)>;

/// A connection that no poller knows.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// Through a listening socket, and from where.
    Tcp(TcpStream, Kind, SocketAddr),
    /// Through the Unix socket beside an address.
    Call(UnixStream, Ipv4Addr),
}

/// A connection counts as one of a worker's until this is dropped.
pub(crate) struct Seat {
    crew: Arc<Crew>,
    number: usize,
}

impl Crew {
    /// So many workers, and the inbox of each.
    pub(crate) fn new(workers: usize) -> (Arc<Self>, Vec<Inbox>) {
        let member = |(inbox, connections)| (Member { open: Padded::default(), inbox }, connections);
        let (members, inboxes): (Vec<_>, _) = (0..workers).map(|_| member(mpsc::channel(WAITING_MAX))).unzip();
        (Arc::new(Self { members: members.into(), left: Notify::new() }), inboxes)
    }

    /// A seat at the worker that takes a connection which the worker `own` has accepted.
    pub(crate) fn seat(self: &Arc<Self>, own: usize) -> Seat {
        self.seat_at(spread::worker(own, self.open()))
    }

    /// Ends when no connection is left.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut left = std::pin::pin!(self.left.notified());
            left.as_mut().enable();
            if self.open().sum::<u32>() == 0 {
                return;
            }
            left.await;
        }
    }

    /// How many connections each worker has.
    pub(crate) fn open(&self) -> impl Iterator<Item = u32> + Clone {
        self.members.iter().map(|member| member.open.0.load(Relaxed))
    }

    /// Gives a connection to the worker that it has a seat at; returns it with one at `own` if that worker takes no more.
    pub(crate) fn hand_over(self: &Arc<Self>, own: usize, accepted: Accepted, seat: Seat) -> Option<(Accepted, Seat)> {
        let refused = self.members[seat.number].inbox.try_send((accepted, seat)).err()?;
        let (accepted, _) = refused.into_inner();
        Some((accepted, self.seat_at(own)))
    }

    fn seat_at(self: &Arc<Self>, number: usize) -> Seat {
        self.members[number].open.0.fetch_add(1, Relaxed);
        Seat { crew: self.clone(), number }
    }
}

impl Seat {
    /// Whether it is one at that worker.
    pub(crate) fn is_of(&self, worker: usize) -> bool {
        self.number == worker
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crew.members[self.number].open.0.fetch_sub(1, Relaxed);
        self.crew.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(crew: &Crew) -> Vec<u32> {
        crew.open().collect()
    }

    /// What happens to a connection that the first worker has accepted: its seat there, if it keeps it.
    fn accept(crew: &Arc<Crew>) -> Option<Seat> {
        let seat = crew.seat(0);
        if seat.is_of(0) {
            return Some(seat);
        }
        let accepted = Accepted::Call(UnixStream::pair().unwrap().0, Ipv4Addr::LOCALHOST);
        crew.hand_over(0, accepted, seat).map(|(_, seat)| seat)
    }

    #[test]
    fn none_is_lost_if_the_other_worker_takes_none() {
        let (crew, inboxes) = Crew::new(2);
        let kept: Vec<_> = (0..200).filter_map(|_| accept(&crew)).collect();
        assert_eq!((open(&crew), kept.len()), (vec![200 - 64, 64], 200 - 64));
        drop(inboxes);
        assert_eq!(open(&crew), [200 - 64, 0], "what waited is closed with its worker");
        assert!(accept(&crew).is_some());
        drop(kept);
        assert_eq!(open(&crew), [0, 0]);
    }
}
