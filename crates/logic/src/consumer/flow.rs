//! Flow control: how far a push consumer may run ahead of its client.

/// Bytes that may be on the way at first. Doubled with each answer, up to [`WINDOW_MAX`].
const WINDOW_FIRST: u64 = 64 << 10;
const WINDOW_MAX: u64 = 32 << 20;

/// The bytes that a client has not yet said to have taken.
#[derive(Debug)]
pub(super) struct Flow {
    window: u64,
    sent: u64,
    /// The request that waits for its answer, and what was on the way when it was sent.
    asked: Option<(u64, u64)>,
    last_id: u64,
}

impl Default for Flow {
    fn default() -> Self {
        Self { window: WINDOW_FIRST, sent: 0, asked: None, last_id: 0 }
    }
}

impl Flow {
    /// The request that must be answered before more is sent.
    pub(super) fn stalled(&self) -> Option<u64> {
        self.asked.filter(|_| self.sent >= self.window).map(|(id, _)| id)
    }

    /// So many bytes were sent; returns the request to send after them, if it is time for one.
    pub(super) fn sent(&mut self, bytes: u64) -> Option<u64> {
        self.sent += bytes;
        self.ask()
    }

    /// A request was answered; an answer to another says nothing.
    pub(super) fn answered(&mut self, id: u64) -> Option<u64> {
        let (_, taken) = self.asked.take_if(|(asked, _)| *asked == id)?;
        self.sent -= taken;
        self.window = (self.window * 2).min(WINDOW_MAX);
        self.ask()
    }

    /// The client has gone: a new one has nothing on the way. Ids of requests are not used again.
    pub(super) fn reset(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }

    fn ask(&mut self) -> Option<u64> {
        if self.asked.is_some() || self.sent < self.window / 2 {
            return None;
        }
        self.last_id += 1;
        self.asked = Some((self.last_id, self.sent));
        Some(self.last_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_at_half_a_window_and_stalls_at_a_whole_one() {
        let mut flow = Flow::default();
        for (sent, asks, stalled) in [(30_000, None, None), (3_000, Some(1), None), (40_000, None, Some(1))] {
            assert_eq!((flow.sent(sent), flow.stalled()), (asks, stalled), "{sent}");
        }
        assert_eq!((flow.answered(7), flow.stalled()), (None, Some(1)), "an answer to nothing");
        assert_eq!((flow.answered(1), flow.stalled()), (None, None), "40,000 of 131,072 are on the way");
        assert_eq!((flow.sent(30_000), flow.sent(100_000)), (Some(2), None));
        assert_eq!((flow.answered(2), flow.stalled()), (None, None), "100,000 of 262,144");
        flow.reset();
        assert_eq!(flow.sent(40_000), Some(3));
    }
}
