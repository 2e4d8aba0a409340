//! Those that wait for room, in lanes. Nobody overtakes within a lane; a lane whose policy has no room keeps no other one waiting.

use std::{collections::VecDeque, sync::Arc};

use crate::place::Ticket;

/// Those that wait.
#[derive(Default)]
pub(crate) struct Line {
    /// None is empty.
    lanes: Vec<Lane>,
    /// How many have come so far.
    came: u64,
}

struct Lane {
    number: u32,
    /// With the number of those that had come before.
    waiting: VecDeque<(u64, Arc<Ticket>)>,
}

impl Line {
    /// Takes the last place.
    pub(crate) fn push(&mut self, ticket: Arc<Ticket>) {
        let entry = (self.came, ticket.clone());
        self.came += 1;
        match self.lanes.iter_mut().find(|lane| lane.number == ticket.lane) {
            Some(lane) => lane.waiting.push_back(entry),
            None => self.lanes.push(Lane { number: ticket.lane, waiting: VecDeque::from([entry]) }),
        }
    }

    /// Whether a newcomer of this lane is the next one, where so many are inside.
    pub(crate) fn lets_pass(&self, lane: u32, inside: u32) -> bool {
        self.lanes.iter().all(|waiting| waiting.number != lane && inside >= waiting.first().1.max)
    }

    /// Whether somebody may enter where so many are inside.
    pub(crate) fn would_let_in(&self, inside: u32) -> bool {
        self.lanes.iter().any(|waiting| inside < waiting.first().1.max)
    }

    /// Takes out the first one for whom there is room.
    pub(crate) fn pop(&mut self, has_room: impl Fn(&Ticket) -> bool) -> Option<Arc<Ticket>> {
        let may_enter = self.lanes.iter().enumerate().filter(|(_, lane)| has_room(&lane.first().1));
        let (index, _) = may_enter.min_by_key(|(_, lane)| lane.first().0)?;
        let (_, ticket) = self.lanes[index].waiting.pop_front()?;
        self.tidy(index);
        Some(ticket)
    }

    /// Takes one out that has gone.
    pub(crate) fn remove(&mut self, ticket: &Arc<Ticket>) {
        if let Some(index) = self.lanes.iter().position(|lane| lane.number == ticket.lane) {
            self.lanes[index].waiting.retain(|(_, other)| !Arc::ptr_eq(other, ticket));
            self.tidy(index);
        }
    }

    fn tidy(&mut self, index: usize) {
        if self.lanes[index].waiting.is_empty() {
            self.lanes.swap_remove(index);
        }
    }
}

impl Lane {
    fn first(&self) -> &(u64, Arc<Ticket>) {
        self.waiting.front().expect("no lane is empty")
    }
}
