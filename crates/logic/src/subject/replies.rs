//! The answers that a connection may give beyond what it may publish.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use model::Timestamp;

use super::Responses;

/// Messages that wait for an answer; of more the oldest can be answered no longer.
const MESSAGES_MAX: usize = 4096;

/// The reply subjects that may be published to, each for a while and so many times.
#[derive(Debug, Default)]
pub struct Replies {
    rights: HashMap<Arc<[u8]>, Right>,
    /// By their ends, for all last equally long.
    ends: VecDeque<(Arc<[u8]>, Timestamp)>,
}

#[derive(Debug, Clone, Copy)]
struct Right {
    left: u32,
    end: Timestamp,
}

impl Replies {
    /// A message with this reply subject arrived.
    pub fn allow(&mut self, reply: &[u8], rule: Responses, now: Timestamp) {
        let end = now + rule.lifetime;
        self.forget(now);
        let reply = Arc::<[u8]>::from(reply);
        self.rights.insert(reply.clone(), Right { left: rule.count_max, end });
        self.ends.push_back((reply, end));
    }

    /// Whether one may publish to this subject once more, which is then done.
    pub fn spend(&mut self, subject: &[u8], now: Timestamp) -> bool {
        let Some(right) = self.rights.get_mut(subject).filter(|right| right.left > 0 && now < right.end) else {
            return false;
        };
        right.left -= 1;
        true
    }

    /// Leaves room for one more.
    fn forget(&mut self, now: Timestamp) {
        while self.ends.len() >= MESSAGES_MAX || self.ends.front().is_some_and(|(_, end)| *end <= now) {
            let Some((reply, end)) = self.ends.pop_front() else { return };
            // A later message may have the same reply subject.
            if self.rights.get(&reply).is_some_and(|right| right.end <= end) {
                self.rights.remove(&reply);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_many_answers_for_a_while() {
        let (mut replies, rule) = (Replies::default(), Responses { count_max: 2, lifetime: SECOND });
        let at = |tenths: u64| Timestamp(tenths * 100_000);
        replies.allow(b"a", rule, at(0));
        assert_eq!(["a", "b", "a", "a"].map(|to| replies.spend(to.as_bytes(), at(1))), [true, false, true, false]);
        replies.allow(b"a", rule, at(5));
        assert!(replies.spend(b"a", at(14)), "the later message counts");
        replies.allow(b"b", rule, at(14));
        assert!(replies.spend(b"a", at(14)) && !replies.spend(b"a", at(14)));
        assert!(replies.spend(b"b", at(23)) && !replies.spend(b"b", at(24)));
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut replies, rule) = (Replies::default(), Responses::default());
        for number in 0..=MESSAGES_MAX {
            replies.allow(number.to_string().as_bytes(), rule, Timestamp(0));
        }
        assert_eq!((replies.rights.len(), replies.ends.len()), (MESSAGES_MAX, MESSAGES_MAX));
        assert!(!replies.spend(b"0", Timestamp(0)) && replies.spend(b"1", Timestamp(0)));
    }
}
