//! Puts every node into a column, so that every edge leads to the right.

use super::cycles::Forward;
use crate::graph::{Graph, Kind};

/// The column of each node, from 0: one more than the last of its callers (longest path).
pub(crate) fn assign(graph: &Graph, edges: &[Forward]) -> Vec<usize> {
    let count = graph.nodes.len();
    let mut outgoing = vec![Vec::new(); count];
    let mut incoming = vec![0_usize; count];
    for forward in edges {
        outgoing[forward.from].push(forward.to);
        incoming[forward.to] += 1;
    }
    let mut ready: Vec<usize> = (0..count).filter(|node| incoming[*node] == 0).collect();
    let sources = ready.clone();
    let mut columns = vec![0; count];
    while let Some(node) = ready.pop() {
        for &to in &outgoing[node] {
            columns[to] = columns[to].max(columns[node] + 1);
            incoming[to] -= 1;
            if incoming[to] == 0 {
                ready.push(to);
            }
        }
    }
    for source in sources.into_iter().filter(|source| graph.nodes[*source].kind == Kind::Service) {
        let nearest = outgoing[source].iter().map(|to| columns[*to]).min();
        columns[source] = nearest.map_or(usize::from(graph.nodes[0].kind == Kind::Gateway), |column| column - 1);
    }
    columns
}
