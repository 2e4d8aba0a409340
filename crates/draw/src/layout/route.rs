//! Draws the edges as curves and moves everything to its final place.

use super::{Block, Curve, Layout, Plan, Point, ROW_HEIGHT, Rect, cycles::Forward, order::Lanes};
use crate::graph::{Graph, Kind};

const GAP_X: f64 = 76.0;
const GAP_X_MAX: f64 = 190.0;
const HEADER: f64 = 56.0;
const MARGIN: f64 = 28.0;
const PORT_GAP: f64 = 12.0;

/// Everything with its final place.
pub(crate) fn draw(graph: &Graph, edges: &[Forward], lanes: &Lanes, plan: Plan) -> Layout {
    let frame = Frame::new(lanes, plan);
    let mut blocks: Vec<Block> = (0..graph.nodes.len()).map(|node| frame.block(node)).collect();
    let ports = Ports::new(graph, edges, lanes, &frame);
    let mut curves = vec![None; graph.edges.len()];
    for (index, forward) in edges.iter().enumerate() {
        curves[forward.edge] = Some(frame.curve(lanes, index, forward, &ports));
    }
    let loops = graph.edges.iter().map(|edge| around(&blocks[edge.from].frame));
    let curves = curves.into_iter().zip(loops).map(|(curve, around)| curve.unwrap_or(around)).collect();
    for (forward, port) in edges.iter().zip(&ports.start) {
        let label = &graph.edges[forward.edge].label;
        if graph.nodes[forward.from].kind == Kind::Gateway && !label.is_empty() {
            blocks[forward.from].rows.push((*port, label.clone()));
        }
    }
    Layout { width: frame.width, height: frame.height, blocks, curves }
}

/// The columns' places and the items' final heights.
struct Frame {
    plan: Plan,
    lefts: Vec<f64>,
    column_of: Vec<usize>,
    width: f64,
    height: f64,
}

impl Frame {
    fn new(lanes: &Lanes, mut plan: Plan) -> Self {
        let mut column_of = vec![0; lanes.items.len()];
        for (index, column) in lanes.columns.iter().enumerate() {
            column.iter().for_each(|item| column_of[*item] = index);
        }
        let extremes = plan.middles.iter().zip(&plan.sizes);
        let top = extremes.clone().map(|(middle, size)| middle - size.above).fold(f64::INFINITY, f64::min);
        plan.middles.iter_mut().for_each(|middle| *middle = (*middle - top + HEADER + MARGIN / 2.0).round());
        let extremes = plan.middles.iter().zip(&plan.sizes);
        let bottom = extremes.map(|(middle, size)| middle + size.below).fold(HEADER, f64::max);
        let mut lefts = Vec::new();
        let mut x = MARGIN;
        for (column, width) in plan.widths.iter().enumerate() {
            lefts.push(x);
            x += width.round() + gap(lanes, &plan, column);
        }
        let last = lefts.last().zip(plan.widths.last()).map_or(MARGIN, |(left, width)| left + width.round());
        Self { plan, lefts, column_of, width: last + MARGIN, height: bottom + MARGIN }
    }

    fn block(&self, node: usize) -> Block {
        let (size, column) = (self.plan.sizes[node], self.column_of[node]);
        let (x, width) = (self.lefts[column], self.plan.widths[column].round());
        let frame = Rect { x, y: self.plan.middles[node] - size.box_height / 2.0, width, height: size.box_height };
        let store = size.store_width.map(|wanted| {
            let store = wanted.clamp(width.min(96.0), width).round();
            let y = Plan::store_top(frame.y + frame.height);
            Rect { x: x + (width - store) / 2.0, y, width: store, height: Plan::store_height() }
        });
        Block { frame, store, rows: Vec::new() }
    }

    fn left(&self, item: usize) -> f64 {
        self.lefts[self.column_of[item]]
    }

    fn right(&self, item: usize) -> f64 {
        self.left(item) + self.plan.widths[self.column_of[item]].round()
    }

    fn curve(&self, lanes: &Lanes, index: usize, forward: &Forward, ports: &Ports) -> Curve {
        let way = &lanes.ways[index];
        let mut at = (self.right(forward.from), ports.start[index]);
        let start = at;
        let mut pieces = Vec::new();
        for &lane in &way[1..way.len() - 1] {
            let y = self.plan.middles[lane];
            pieces.push(bend(at, (self.left(lane), y)));
            at = (self.right(lane), y);
            pieces.push(bend((self.left(lane), y), at));
        }
        pieces.push(bend(at, (self.left(forward.to), ports.end[index])));
        let curve = Curve { start, pieces };
        if forward.reversed { curve.reversed() } else { curve }
    }
}

impl Curve {
    /// Where the arrow's head is.
    #[cfg(test)]
    pub(crate) fn end(&self) -> Point {
        self.pieces.last().map_or(self.start, |piece| piece[2])
    }

    fn reversed(&self) -> Self {
        let mut ends: Vec<Point> = self.pieces.iter().map(|piece| piece[2]).collect();
        let start = ends.pop().unwrap_or(self.start);
        ends.insert(0, self.start);
        let pieces = self.pieces.iter().zip(ends).rev().map(|(piece, end)| [piece[1], piece[0], end]).collect();
        Self { start, pieces }
    }
}

/// From left to right, level at both ends.
fn bend(from: Point, to: Point) -> [Point; 3] {
    let reach = (to.0 - from.0) * 0.5;
    [(from.0 + reach, from.1), (to.0 - reach, to.1), to]
}

/// From a box to itself, over its upper right corner.
fn around(frame: &Rect) -> Curve {
    let (right, top) = (frame.x + frame.width, frame.y);
    let start = (right - 44.0, top);
    Curve { start, pieces: vec![[(start.0, top - 26.0), (right - 16.0, top - 26.0), (right - 16.0, top)]] }
}

/// The steeper the edges, the wider the gap after a column.
fn gap(lanes: &Lanes, plan: &Plan, column: usize) -> f64 {
    let here = |pair: &&[usize]| lanes.columns[column].contains(&pair[0]);
    let climb = |pair: &[usize]| (plan.middles[pair[0]] - plan.middles[pair[1]]).abs();
    let steepest = lanes.ways.iter().flat_map(|way| way.windows(2)).filter(here).map(climb).fold(0.0, f64::max);
    (GAP_X + steepest * 0.16).min(GAP_X_MAX).round()
}

/// The heights at which each edge leaves its left box and enters its right one.
struct Ports {
    start: Vec<f64>,
    end: Vec<f64>,
}

impl Ports {
    fn new(graph: &Graph, edges: &[Forward], lanes: &Lanes, frame: &Frame) -> Self {
        let mut ports = Self { start: vec![0.0; edges.len()], end: vec![0.0; edges.len()] };
        for node in 0..graph.nodes.len() {
            let leaving = |index: &usize| edges[*index].from == node;
            let entering = |index: &usize| edges[*index].to == node;
            let second = |index: usize| lanes.ways[index][1];
            let last = |index: usize| lanes.ways[index][lanes.ways[index].len() - 2];
            let rows = graph.nodes[node].kind == Kind::Gateway;
            spread(frame, node, rows, (0..edges.len()).filter(leaving).collect(), second, &mut ports.start);
            spread(frame, node, false, (0..edges.len()).filter(entering).collect(), last, &mut ports.end);
        }
        ports
    }
}

/// Sets the ports on one side of a box, in the order of where the edges come from or go to.
fn spread(
    frame: &Frame,
    node: usize,
    rows: bool,
    mut indexes: Vec<usize>,
    other: impl Fn(usize) -> usize,
    ports: &mut [f64],
) {
    indexes.sort_by(|a, b| frame.plan.middles[other(*a)].total_cmp(&frame.plan.middles[other(*b)]));
    let (middle, height) = (frame.plan.middles[node], frame.plan.sizes[node].box_height);
    let count = indexes.len() as f64;
    for (position, index) in indexes.into_iter().enumerate() {
        let position = position as f64;
        ports[index] = if rows {
            middle + height / 2.0 - 8.0 - (count - position - 0.5) * ROW_HEIGHT
        } else {
            let step = PORT_GAP.min((height - 16.0) / count);
            middle + (position - (count - 1.0) / 2.0) * step
        };
    }
}
