//! Orders each column so that few edges cross (barycenter heuristic).

use super::cycles::Forward;

const SWEEPS: usize = 16;

/// What has a place in a column: a node, or the lane of an edge that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Node(usize),
    Lane,
}

/// The columns from left to right, each from top to bottom, and the edges between neighbouring columns.
#[derive(Clone)]
pub(crate) struct Lanes {
    /// Every item; the nodes come first, by their indexes.
    pub items: Vec<Item>,
    /// The items of each column, in their order.
    pub columns: Vec<Vec<usize>>,
    /// The items on the way of each edge, from its left node to its right node.
    pub ways: Vec<Vec<usize>>,
    left: Vec<Vec<usize>>,
    right: Vec<Vec<usize>>,
}

impl Lanes {
    pub(crate) fn new(column_of: &[usize], edges: &[Forward]) -> Self {
        let width = column_of.iter().max().map_or(0, |last| last + 1);
        let mut lanes = Self {
            items: (0..column_of.len()).map(Item::Node).collect(),
            columns: vec![Vec::new(); width],
            ways: Vec::new(),
            left: vec![Vec::new(); column_of.len()],
            right: vec![Vec::new(); column_of.len()],
        };
        for (node, column) in column_of.iter().enumerate() {
            lanes.columns[*column].push(node);
        }
        for forward in edges {
            let way = lanes.way(forward, column_of);
            lanes.ways.push(way);
        }
        lanes
    }

    fn way(&mut self, forward: &Forward, column_of: &[usize]) -> Vec<usize> {
        let mut way = vec![forward.from];
        for column in column_of[forward.from] + 1..column_of[forward.to] {
            self.items.push(Item::Lane);
            self.left.push(Vec::new());
            self.right.push(Vec::new());
            self.columns[column].push(self.items.len() - 1);
            way.push(self.items.len() - 1);
        }
        way.push(forward.to);
        for pair in way.windows(2) {
            self.right[pair[0]].push(pair[1]);
            self.left[pair[1]].push(pair[0]);
        }
        way
    }

    /// The items in the next column to which an item has an edge, and those in the column before.
    pub(crate) fn neighbours(&self, item: usize) -> impl Iterator<Item = usize> {
        self.left[item].iter().chain(&self.right[item]).copied()
    }

    /// The number of edges on the fuller side of a node.
    pub(crate) fn ports(&self, node: usize) -> usize {
        self.left[node].len().max(self.right[node].len())
    }

    /// Sweeps to and fro and keeps the best order that was met.
    pub(crate) fn order(&mut self) {
        let mut best = (self.crossings(), self.columns.clone());
        for sweep in 0..SWEEPS {
            if sweep % 2 == 0 {
                (1..self.columns.len()).for_each(|column| self.sort(column, |lanes, item| &lanes.left[item]));
            } else {
                (0..self.columns.len()).rev().for_each(|column| self.sort(column, |lanes, item| &lanes.right[item]));
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
    }

    /// The place of every item in its column.
    pub(crate) fn positions(&self) -> Vec<usize> {
        let mut positions = vec![0; self.items.len()];
        for column in &self.columns {
            column.iter().enumerate().for_each(|(position, item)| positions[*item] = position);
        }
        positions
    }

    fn sort(&mut self, column: usize, neighbours: fn(&Self, usize) -> &Vec<usize>) {
        let positions = self.positions();
        let centre = |item: usize| {
            let beside = neighbours(self, item);
            let sum: usize = beside.iter().map(|other| positions[*other]).sum();
            if beside.is_empty() { positions[item] as f64 } else { sum as f64 / beside.len() as f64 }
        };
        let mut keyed: Vec<_> = self.columns[column].iter().map(|item| (centre(*item), *item)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.columns[column] = keyed.into_iter().map(|(_, item)| item).collect();
    }

    fn crossings(&self) -> usize {
        let positions = self.positions();
        self.columns.iter().map(|column| self.crossings_after(column, &positions)).sum()
    }

    /// The inversions among the right ends of the edges, taken in the order of their left ends.
    fn crossings_after(&self, column: &[usize], positions: &[usize]) -> usize {
        let mut seen: Vec<usize> = Vec::new();
        let mut count = 0;
        for item in column {
            let mut ends: Vec<_> = self.right[*item].iter().map(|to| positions[*to]).collect();
            ends.sort_unstable();
            count += ends.iter().map(|end| seen.len() - seen.partition_point(|other| other <= end)).sum::<usize>();
            for end in ends {
                seen.insert(seen.partition_point(|other| *other <= end), end);
            }
        }
        count
    }
}
