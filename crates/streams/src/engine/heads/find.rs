//! Finding messages.

use logic::stream::{Head, Spent, Stored};
use model::Timestamp;

use super::{Heads, part::Part, row::Use, spans::Span};

impl Stored for Heads {
    fn next(&self, after: u64) -> Option<Head> {
        (self.place(after.checked_add(1)?)..=self.sealed.len()).find_map(|at| self.part(at, |part| part.next(after))?)
    }

    fn next_of(&self, subject: &str, after: u64) -> Option<Head> {
        let span = self.spans.get(self.shelf.hash(subject)).filter(|span| span.last > after)?;
        let from = span.first.max(after + 1);
        self.get_of(from, subject).or_else(|| self.first_after(span, subject, from - 1))
    }

    fn last_of(&self, subject: &str, before: u64) -> Option<Head> {
        let span = self.spans.get(self.shelf.hash(subject))?;
        let to = span.last.min(before.checked_sub(1)?);
        self.get_of(to, subject).or_else(|| self.last_before(span, subject, before))
    }

    /// Of a subject, it costs a look into each block that has some of them.
    fn count(&self, subject: Option<&str>, after: u64) -> u64 {
        match subject {
            Some(subject) => self.count_of(subject, after),
            None => self.count_all(after),
        }
    }

    fn since(&self, at: Timestamp) -> Option<Head> {
        let first = self.sealed.partition_point(|sealed| sealed.last_at < at);
        (first..=self.sealed.len()).find_map(|place| self.part(place, |part| part.since(at))?)
    }

    fn sole_of(&self, subject: &str) -> Option<Spent> {
        let span = self.spans.get(self.shelf.hash(subject))?;
        let known = span.bytes.map(|bytes| (span.last, u64::from(bytes)));
        let spent = |(seq, bytes)| Spent { seq, subject: subject.into(), bytes, expires_at: None };
        known.map(spent).or_else(|| self.last_of(subject, u64::MAX).map(Spent::from))
    }

    fn get(&self, seq: u64) -> Option<Head> {
        let at = self.place(seq);
        let row = self.row(at, seq)?;
        self.part(at, |part| (!part.dead.contains(row)).then(|| part.head(row)))?
    }
}

impl Heads {
    /// The message of a sequence if it is one of a subject: where a span begins and ends there mostly is one, and a block has it at hand.
    fn get_of(&self, seq: u64, subject: &str) -> Option<Head> {
        self.get(seq).filter(|head| *head.subject == *subject)
    }

    /// The last message of a subject before a sequence, from the block where it may be downwards. Blocks that have none of
    /// the subject do not say where to go on; then the way from the subject's last block does, step by step.
    pub(super) fn last_before(&self, span: Span, subject: &str, before: u64) -> Option<Head> {
        let to = before.checked_sub(1).filter(|to| *to >= span.first)?.min(span.last);
        let (mut down, mut chain) = (self.place(to), self.place(span.last));
        loop {
            if chain > down {
                let (_, previous) = self.look(chain, subject, |_, _| None::<()>);
                chain = self.earlier(chain, previous, span.first)?;
                down = down.min(chain);
            }
            let (found, previous) = self.look(down, subject, |part, used| part.last_of(used, before));
            if found.is_some() {
                return found;
            }
            down = self.earlier(down, previous, span.first)?;
        }
    }

    /// The first message of a subject after a sequence: downwards from the subject's last block, and upwards from where it may
    /// be, whichever comes first.
    fn first_after(&self, span: Span, subject: &str, after: u64) -> Option<Head> {
        let (mut front, mut back) = (self.place(after + 1), self.place(span.last));
        let mut best = None;
        loop {
            let (found, previous) = self.look(back, subject, |part, used| part.next_of(used, after));
            best = found.or(best);
            match self.earlier(back, previous, after + 1).filter(|back| *back >= front) {
                Some(below) => back = below,
                None => return best,
            }
            let (found, _) = self.look(front, subject, |part, used| part.next_of(used, after));
            if found.is_some() {
                return found;
            }
            front += 1;
            if front > back {
                return best;
            }
        }
    }

    fn count_of(&self, subject: &str, after: u64) -> u64 {
        let span = self.spans.get(self.shelf.hash(subject)).filter(|span| span.last > after);
        let Some(span) = span else { return 0 };
        let from = span.first.max(after + 1);
        let (mut count, mut at) = (0, Some(self.place(span.last)));
        while let Some(block) = at {
            let (found, previous) = self.look(block, subject, |part, used| Some(part.count_of(used, from - 1)));
            count += found.unwrap_or(0);
            at = self.earlier(block, previous, from);
        }
        count
    }

    fn count_all(&self, after: u64) -> u64 {
        let Some(from) = after.checked_add(1) else { return 0 };
        let (at, end) = (self.place(from), self.sealed.len());
        match self.sealed.get(at) {
            None => self.open_count(after),
            Some(sealed) => {
                let whole = if sealed.first >= from { at } else { at + 1 };
                let some = if whole == at { 0 } else { self.part(at, |part| part.count(after)).unwrap_or(0) };
                some + self.tally.before(end) - self.tally.before(whole) + self.live
            }
        }
    }

    fn open_count(&self, after: u64) -> u64 {
        self.part(self.sealed.len(), |part| part.count(after)).unwrap_or(0)
    }

    /// Where to look next, downwards, for a subject of which a block says what it had before.
    fn earlier(&self, at: usize, previous: Option<u64>, from: u64) -> Option<usize> {
        let below = at.checked_sub(1)?;
        let next = match previous {
            Some(previous) if previous < from => return None,
            Some(previous) => below.min(self.place(previous)),
            None => below,
        };
        (next >= self.place(from)).then_some(next)
    }

    /// Asks a block about a subject; says also which message of it was the last before the block, if the block has any.
    fn look<T>(
        &self,
        at: usize,
        subject: &str,
        look: impl FnOnce(&Part<'_>, &Use) -> Option<T>,
    ) -> (Option<T>, Option<u64>) {
        let asked = |part: &Part<'_>| {
            let used = part.rows.find(subject)?;
            Some((look(part, &used), Some(used.previous)))
        };
        self.part(at, asked).flatten().unwrap_or((None, None))
    }
}
