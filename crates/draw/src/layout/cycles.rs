//! Turns edges round so that no cycle is left.

use crate::graph::Graph;

/// An edge of the graph as the layout sees it: always forwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forward {
    /// The index of the graph's edge.
    pub edge: usize,
    pub from: usize,
    pub to: usize,
    /// Whether the arrow points from `to` to `from`.
    pub reversed: bool,
}

/// Every edge but the self-loops; those that close a cycle on a depth-first walk are turned round.
pub(crate) fn without(graph: &Graph) -> Vec<Forward> {
    let mut walk =
        Walk { graph, outgoing: outgoing(graph), state: vec![State::New; graph.nodes.len()], edges: Vec::new() };
    let called: Vec<bool> = (0..graph.nodes.len()).map(|node| is_called(graph, node)).collect();
    let roots = (0..graph.nodes.len()).filter(|node| !called[*node]);
    for root in roots.chain(0..graph.nodes.len()) {
        walk.from(root);
    }
    walk.edges.sort_by_key(|forward| forward.edge);
    walk.edges
}

fn is_called(graph: &Graph, node: usize) -> bool {
    graph.edges.iter().any(|edge| edge.to == node && edge.from != node)
}

fn outgoing(graph: &Graph) -> Vec<Vec<usize>> {
    let mut outgoing = vec![Vec::new(); graph.nodes.len()];
    for (index, edge) in graph.edges.iter().enumerate().filter(|(_, edge)| edge.from != edge.to) {
        outgoing[edge.from].push(index);
    }
    outgoing
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

struct Walk<'a> {
    graph: &'a Graph,
    outgoing: Vec<Vec<usize>>,
    state: Vec<State>,
    edges: Vec<Forward>,
}

impl Walk<'_> {
    /// With its own stack, so that a long chain cannot overflow that of the thread.
    fn from(&mut self, root: usize) {
        if self.state[root] != State::New {
            return;
        }
        self.state[root] = State::Open;
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(&edge) = self.outgoing[*node].get(*next) else {
                self.state[*node] = State::Done;
                path.pop();
                continue;
            };
            *next += 1;
            let (from, to) = (*node, self.graph.edges[edge].to);
            let reversed = self.state[to] == State::Open;
            let (from, target) = if reversed { (to, from) } else { (from, to) };
            self.edges.push(Forward { edge, from, to: target, reversed });
            if self.state[to] == State::New {
                self.state[to] = State::Open;
                path.push((to, 0));
            }
        }
    }
}
