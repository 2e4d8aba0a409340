//! The search for the subscriptions of a subject.

use super::{super::token::has_no_empty_token, ROOT, Sublist};

/// What a search found. Keep it for the next one: its room is used again, and while nobody subscribed or unsubscribed it is still
/// true for its subject.
#[derive(Debug, Clone)]
pub struct Found<T> {
    members: Vec<T>,
    parts: Vec<Part>,
    generation: u64,
    /// Nodes to look at, and where in the subject.
    open: Vec<(u32, usize)>,
}

/// Members of one queue group in one place of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    queue: u64,
    node: u32,
    slot: usize,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { members: Vec::new(), parts: Vec::new(), generation: 0, open: Vec::new() }
    }
}

impl<T> Found<T> {
    /// Who gets the message, each a subscription that belongs to no group.
    pub fn members(&self) -> &[T] {
        &self.members
    }

    /// The queue groups of which one member each gets the message; [`Sublist::order`] tells which.
    pub fn groups(&self) -> impl Iterator<Item = &[Part]> {
        self.parts.chunk_by(|one, other| one.queue == other.queue)
    }
}

/// The place behind the last token.
const END: usize = usize::MAX;

impl<T: Copy + Eq> Sublist<T> {
    /// Whether what was found is still true.
    pub fn is_current(&self, found: &Found<T>) -> bool {
        found.generation == self.generation
    }

    /// Finds who subscribes to a subject. A subject with an empty token reaches nobody.
    pub fn find(&self, subject: &[u8], found: &mut Found<T>) {
        found.generation = self.generation;
        found.members.clear();
        found.parts.clear();
        found.open.clear();
        if has_no_empty_token(subject) {
            found.open.push((ROOT, 0));
        }
        while let Some((at, offset)) = found.open.pop() {
            if offset == END {
                self.collect(at, found);
                continue;
            }
            let node = self.node(at);
            if let Some(rest) = node.rest {
                self.collect(rest, found);
            }
            let length = subject[offset..].iter().position(|byte| *byte == b'.');
            let (end, next) = length.map_or((subject.len(), END), |length| (offset + length, offset + length + 1));
            if let Some(any) = node.any {
                found.open.push((any, next));
            }
            if let Some(literal) = node.literals.get(&subject[offset..end]) {
                found.open.push((*literal, next));
            }
        }
        found.parts.sort_unstable();
    }

    /// Whether anybody who counts subscribes to a subject; with a queue group, whether a member of that does.
    pub fn has_interest(&self, subject: &[u8], queue: Option<&[u8]>, counts: impl Fn(T) -> bool) -> bool {
        let mut found = Found::default();
        self.find(subject, &mut found);
        let any = |members: &[T]| members.iter().any(|member| counts(*member));
        let number = queue.map(|name| self.queues.number(name));
        let is_asked = |part: &&Part| number.is_none_or(|number| number == Some(part.queue));
        let mut parts = found.parts.iter().filter(is_asked);
        (queue.is_none() && any(&found.members))
            || parts.any(|part| any(&self.node(part.node).groups[part.slot].members))
    }

    fn collect(&self, at: u32, found: &mut Found<T>) {
        let node = self.node(at);
        found.members.extend_from_slice(&node.members);
        let parts = node.groups.iter().enumerate();
        found.parts.extend(parts.map(|(slot, group)| Part { queue: group.queue, node: at, slot }));
    }

    /// The members of a group that was found, beginning with the one that `random` chooses: the first that can take the message
    /// gets it. What was found must be current.
    pub fn order<'a>(&'a self, group: &'a [Part], random: u64) -> impl Iterator<Item = T> + 'a {
        let members = |part: &Part| &self.node(part.node).groups[part.slot].members;
        let total: usize = group.iter().map(|part| members(part).len()).sum();
        let first = usize::try_from(random % total.max(1) as u64).unwrap_or(0);
        let all = move || group.iter().flat_map(move |part| members(part).iter().copied());
        all().skip(first).chain(all().take(first))
    }
}
