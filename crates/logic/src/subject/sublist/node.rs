//! One node of the tree: what follows, and who subscribes to what ends here.

use std::collections::HashMap;

use super::super::token::{ANY, REST};

#[derive(Debug)]
pub(super) struct Node<T> {
    /// Hashed with a secret key, for anybody may choose the tokens.
    pub(super) literals: HashMap<Box<[u8]>, u32>,
    pub(super) any: Option<u32>,
    pub(super) rest: Option<u32>,
    pub(super) members: Vec<T>,
    pub(super) groups: Vec<Group<T>>,
}

/// The members of a queue group.
#[derive(Debug)]
pub(super) struct Group<T> {
    pub(super) queue: u64,
    pub(super) members: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        let (members, groups) = (Vec::new(), Vec::new());
        Self { literals: HashMap::new(), any: None, rest: None, members, groups }
    }
}

impl<T: Copy + Eq> Node<T> {
    /// The child that stands for a token of a filter.
    pub(super) fn child(&self, token: &[u8]) -> Option<u32> {
        match token {
            ANY => self.any,
            REST => self.rest,
            literal => self.literals.get(literal).copied(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let childless = self.literals.is_empty() && self.any.is_none() && self.rest.is_none();
        childless && self.members.is_empty() && self.groups.is_empty()
    }

    pub(super) fn add(&mut self, queue: Option<u64>, member: T) {
        let Some(queue) = queue else { return self.members.push(member) };
        match self.groups.iter_mut().find(|group| group.queue == queue) {
            Some(group) => group.members.push(member),
            None => self.groups.push(Group { queue, members: vec![member] }),
        }
    }

    pub(super) fn take(&mut self, queue: Option<u64>, member: T) -> bool {
        let Some(queue) = queue else { return take(&mut self.members, member) };
        let Some(at) = self.groups.iter().position(|group| group.queue == queue) else { return false };
        let taken = take(&mut self.groups[at].members, member);
        if self.groups[at].members.is_empty() {
            self.groups.swap_remove(at);
        }
        taken
    }
}

fn take<T: Eq>(members: &mut Vec<T>, member: T) -> bool {
    let at = members.iter().position(|other| *other == member);
    at.map(|at| members.swap_remove(at)).is_some()
}
