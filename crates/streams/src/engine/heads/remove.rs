//! What goes.

use logic::stream::Removals;

use super::{Change, Heads, THIN, open::Open, part::Part, spans::Span};

impl Heads {
    pub(in crate::engine) fn remove(&mut self, removals: &Removals) {
        self.release();
        if let Some(before) = removals.before {
            self.remove_before(before);
        }
        for removed in &removals.each {
            self.remove_one(removed.seq, &removed.subject);
        }
    }

    fn remove_one(&mut self, seq: u64, subject: &str) {
        let at = self.place(seq);
        let Some(row) = self.row(at, seq) else { return };
        let was_alive = match self.sealed.get_mut(at) {
            Some(sealed) => sealed.kill(row),
            None => self.dead.insert(row),
        };
        if !was_alive {
            return;
        }
        let hash = self.shelf.hash(subject);
        if let Some(span) = self.spans.get(hash) {
            self.spans.set(hash, self.without(span, seq, subject));
        }
        match self.sealed.get(at).map(|sealed| sealed.live) {
            None => self.live -= 1,
            Some(0) => self.drop_sealed(at),
            Some(live) => {
                self.tally.decrement(at);
                // Not at every message: it may be in vain.
                if live <= THIN && live.is_power_of_two() {
                    self.merge(at);
                }
            }
        }
    }

    fn without(&self, span: Span, seq: u64, subject: &str) -> Option<Span> {
        match (span.first == seq, span.last == seq) {
            (true, true) => None,
            (true, false) => Some(Span { first: seq + 1, ..span }),
            (false, true) => {
                let head = self.last_before(span, subject, seq)?;
                Some(Span { last: head.seq, bytes: Span::bytes_of(&head), ..span })
            }
            (false, false) => Some(span),
        }
    }

    fn remove_before(&mut self, before: u64) {
        let gone = self.sealed.partition_point(|sealed| sealed.last < before);
        self.changes.extend(self.sealed.drain(..gone).map(|sealed| Change::Remove(sealed.number)));
        self.spans.clear();
        for at in 0..=self.sealed.len() {
            let (mut dead, mut left) = (Vec::new(), Vec::new());
            let sort = |part: &Part<'_>| {
                let (gone, stays): (Vec<_>, Vec<_>) = part.live().partition(|row| part.rows.seq(*row) < before);
                dead = gone;
                left.extend(stays.into_iter().map(|row| part.head(row)));
            };
            self.part(at, sort);
            for head in left {
                self.spans.insert(self.shelf.hash(&head.subject), &head);
            }
            for row in dead {
                match self.sealed.get_mut(at) {
                    Some(sealed) => _ = sealed.kill(row),
                    None => self.live -= u64::from(self.dead.insert(row)),
                }
            }
        }
        let changes = &mut self.changes;
        self.sealed.retain(|sealed| {
            changes.extend((sealed.live == 0).then_some(Change::Remove(sealed.number)));
            sealed.live > 0
        });
        self.count_again();
    }

    fn drop_sealed(&mut self, at: usize) {
        self.changes.extend(self.sealed.remove(at).map(|sealed| Change::Remove(sealed.number)));
        self.count_again();
    }

    /// Makes one of a thin block and a thin neighbour, unless they have too long subjects.
    fn merge(&mut self, at: usize) {
        let is_thin = |at: usize| self.sealed.get(at).is_some_and(|sealed| sealed.live <= THIN);
        let Some(first) =
            [Some(at), at.checked_sub(1)].into_iter().flatten().find(|at| is_thin(*at) && is_thin(at + 1))
        else {
            return;
        };
        let mut merged = Open::default();
        let read = [first, first + 1].map(|at| self.part(at, |part| merged.take(part)).is_some());
        if read == [true, true] && !merged.is_full() {
            let after = self.sealed[first].after;
            for _ in 0..2 {
                self.changes.extend(self.sealed.remove(first).map(|sealed| Change::Remove(sealed.number)));
            }
            self.seal(&merged, first, after);
        }
    }
}
