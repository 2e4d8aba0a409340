//! Who subscribes to what: filters as a tree of tokens.
//!
//! A search follows at most three branches a token (the token itself, `*`, `>`), so it takes time in proportion to what matches
//! and to the branches that nearly do, not to the number of subscriptions.

mod find;
mod node;
mod queues;

use super::token::{ANY, REST, tokens};
use node::Node;
use queues::Queues;

pub use find::{Found, Part};

const ROOT: u32 = 0;

/// The subscriptions, each a small value that its owner knows: a key, say. A member of a queue group gets its share of the group's
/// messages, any other member all of them.
#[derive(Debug)]
pub struct Sublist<T> {
    nodes: Vec<Node<T>>,
    free: Vec<u32>,
    queues: Queues,
    generation: u64,
    length: usize,
}

impl<T> Default for Sublist<T> {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], free: Vec::new(), queues: Queues::default(), generation: 1, length: 0 }
    }
}

impl<T: Copy + Eq> Sublist<T> {
    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many nodes the tree has, its root among them.
    pub fn nodes(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Adds a subscription. The filter must be one (`is_filter`).
    pub fn insert(&mut self, filter: &[u8], queue: Option<&[u8]>, member: T) {
        let mut at = ROOT;
        for token in tokens(filter) {
            at = match self.node(at).child(token) {
                Some(child) => child,
                None => self.grow(at, token),
            };
        }
        let queue = queue.map(|name| self.queues.enter(name));
        self.node_mut(at).add(queue, member);
        self.length += 1;
        self.generation += 1;
    }

    /// Takes a subscription away, as it was added; says whether it was there.
    pub fn remove(&mut self, filter: &[u8], queue: Option<&[u8]>, member: T) -> bool {
        let mut path = vec![ROOT];
        for token in tokens(filter) {
            let Some(child) = self.node(path[path.len() - 1]).child(token) else { return false };
            path.push(child);
        }
        let number = queue.map(|name| self.queues.number(name));
        let number = match number {
            Some(None) => return false,
            Some(number) => number,
            None => None,
        };
        if !self.node_mut(path[path.len() - 1]).take(number, member) {
            return false;
        }
        queue.into_iter().for_each(|name| self.queues.leave(name));
        self.prune(filter, &path);
        self.length -= 1;
        self.generation += 1;
        true
    }

    fn grow(&mut self, parent: u32, token: &[u8]) -> u32 {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            u32::try_from(self.nodes.len() - 1).expect("memory ends before 2^32 nodes do")
        });
        let node = self.node_mut(parent);
        match token {
            ANY => node.any = Some(child),
            REST => node.rest = Some(child),
            literal => drop(node.literals.insert(literal.into(), child)),
        }
        child
    }

    /// Takes away what has become empty, from the leaf up.
    fn prune(&mut self, filter: &[u8], path: &[u32]) {
        let tokens: Vec<_> = tokens(filter).collect();
        for (token, pair) in tokens.iter().zip(path.windows(2)).rev() {
            let [parent, child] = [pair[0], pair[1]];
            if !self.node(child).is_empty() {
                return;
            }
            *self.node_mut(child) = Node::default();
            self.free.push(child);
            let node = self.node_mut(parent);
            match *token {
                ANY => node.any = None,
                REST => node.rest = None,
                literal => drop(node.literals.remove(literal)),
            }
        }
    }

    fn node(&self, at: u32) -> &Node<T> {
        &self.nodes[at as usize]
    }

    fn node_mut(&mut self, at: u32) -> &mut Node<T> {
        &mut self.nodes[at as usize]
    }
}
