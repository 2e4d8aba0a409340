//! Gives columns their widths and items their heights.

use super::order::{Item, Lanes};
use crate::{
    graph::{Graph, Node},
    text,
};

/// The height of one of the gateway's routes.
pub(crate) const ROW_HEIGHT: f64 = 20.0;

const BOX_HEIGHT: f64 = 52.0;
const BOX_WIDTH: std::ops::RangeInclusive<f64> = 116.0..=260.0;
const GAP_Y: f64 = 30.0;
const LANE_GAP: f64 = 16.0;
const LOOP_ROOM: f64 = 24.0;
const PADDING_X: f64 = 16.0;
const PORT_ROOM: f64 = 9.0;
const STORE_DROP: f64 = 16.0;
const STORE_HEIGHT: f64 = 36.0;
const SWEEPS: usize = 24;

/// Sizes of all items and where they are, still without the gaps between columns.
pub(crate) struct Plan {
    /// The width of each column.
    pub widths: Vec<f64>,
    /// The middle of each item: of a node's box, or of a lane.
    pub middles: Vec<f64>,
    pub sizes: Vec<Size>,
}

/// The room that an item needs above and below its middle, of which the box may be a part only.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub above: f64,
    pub below: f64,
    pub box_height: f64,
    pub store_width: Option<f64>,
}

impl Plan {
    pub(crate) fn new(graph: &Graph, lanes: &Lanes) -> Self {
        let sizes: Vec<Size> = lanes.items.iter().map(|item| size(graph, lanes, *item)).collect();
        let widths = lanes.columns.iter().map(|column| column_width(graph, lanes, column)).collect();
        let mut plan = Self { widths, middles: vec![0.0; lanes.items.len()], sizes };
        plan.stack(lanes);
        for sweep in 0..SWEEPS {
            let columns: Vec<_> = (0..lanes.columns.len()).collect();
            let settle = |column: &usize| plan.settle(lanes, &lanes.columns[*column]);
            if sweep % 2 == 0 { columns.iter().for_each(settle) } else { columns.iter().rev().for_each(settle) }
        }
        plan
    }

    /// The upper edge of a store that hangs on a box with this lower edge.
    pub(crate) fn store_top(box_bottom: f64) -> f64 {
        box_bottom + STORE_DROP
    }

    pub(crate) fn store_height() -> f64 {
        STORE_HEIGHT
    }

    /// One under another, as near as they may be.
    fn stack(&mut self, lanes: &Lanes) {
        for column in &lanes.columns {
            for pair in column.windows(2) {
                self.middles[pair[1]] = self.middles[pair[0]] + self.distance(lanes, pair[0], pair[1]);
            }
        }
    }

    /// The least distance between the middles of two items, the second directly under the first.
    fn distance(&self, lanes: &Lanes, first: usize, second: usize) -> f64 {
        let both_lanes = lanes.items[first] == Item::Lane && lanes.items[second] == Item::Lane;
        self.sizes[first].below + self.sizes[second].above + if both_lanes { LANE_GAP } else { GAP_Y }
    }

    /// Moves each item of a column as near to the mean of its neighbours as the distances allow: a least-squares fit
    /// under an order, by pooling neighbours that want to pass each other (Ayer et al., 1955).
    fn settle(&mut self, lanes: &Lanes, column: &[usize]) {
        let mut offset = 0.0;
        let mut pools: Vec<Pool> = Vec::new();
        for (index, &item) in column.iter().enumerate() {
            if index > 0 {
                offset += self.distance(lanes, column[index - 1], item);
            }
            let (wish, weight) = self.wish(lanes, item);
            pools.push(Pool { sum: (wish - offset) * weight, weight, items: 1 });
            Pool::merge(&mut pools);
        }
        let mut places = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.place(), pool.items));
        let mut offset = 0.0;
        for (index, &item) in column.iter().enumerate() {
            if index > 0 {
                offset += self.distance(lanes, column[index - 1], item);
            }
            self.middles[item] = places.next().unwrap_or(0.0) + offset;
        }
    }

    /// Where an item would be best, and how much that matters: lanes shall be straight.
    fn wish(&self, lanes: &Lanes, item: usize) -> (f64, f64) {
        let (mut sum, mut count) = (0.0, 0.0);
        for other in lanes.neighbours(item) {
            sum += self.middles[other];
            count += 1.0;
        }
        let weight = if lanes.items[item] == Item::Lane { 4.0 } else { 1.0 };
        if count == 0.0 { (self.middles[item], 0.1) } else { (sum / count, weight) }
    }
}

/// Items that touch, and therefore move together.
struct Pool {
    sum: f64,
    weight: f64,
    items: usize,
}

impl Pool {
    fn place(&self) -> f64 {
        self.sum / self.weight
    }

    fn merge(pools: &mut Vec<Self>) {
        while let [.., first, last] = pools.as_mut_slice()
            && first.place() > last.place()
        {
            first.sum += last.sum;
            first.weight += last.weight;
            first.items += last.items;
            pools.pop();
        }
    }
}

fn size(graph: &Graph, lanes: &Lanes, item: Item) -> Size {
    let Item::Node(index) = item else { return Size::default() };
    let node = &graph.nodes[index];
    let rows = routes(graph, index).count();
    let box_height = if rows == 0 {
        BOX_HEIGHT.max(lanes.ports(index) as f64 * PORT_ROOM + 16.0)
    } else {
        BOX_HEIGHT + rows as f64 * ROW_HEIGHT + 8.0
    };
    let looped = graph.edges.iter().any(|edge| edge.from == index && edge.to == index);
    let store_width = node.store.as_ref().map(|store| text::width(store, 12.0) + 2.0 * PADDING_X);
    let hanging = if node.store.is_some() { STORE_DROP + STORE_HEIGHT } else { 0.0 };
    let above = box_height / 2.0 + if looped { LOOP_ROOM } else { 0.0 };
    Size { above, below: box_height / 2.0 + hanging, box_height, store_width }
}

/// The labels of the edges that leave a node and have one.
pub(crate) fn routes(graph: &Graph, node: usize) -> impl Iterator<Item = &str> {
    let labelled = graph.edges.iter().filter(move |edge| edge.from == node && !edge.label.is_empty());
    labelled.map(|edge| edge.label.as_str())
}

fn column_width(graph: &Graph, lanes: &Lanes, column: &[usize]) -> f64 {
    let width = |item: &usize| match lanes.items[*item] {
        Item::Node(index) => box_width(graph, index, &graph.nodes[index]),
        Item::Lane => 0.0,
    };
    column.iter().map(width).fold(*BOX_WIDTH.start(), f64::max).min(*BOX_WIDTH.end())
}

fn box_width(graph: &Graph, index: usize, node: &Node) -> f64 {
    let rows = routes(graph, index).map(|row| text::width(row, 12.0));
    let store = node.store.iter().map(|store| text::width(store, 12.0) + 2.0 * PADDING_X);
    let texts = [text::width(&node.title, 15.0), text::width(&node.subtitle, 12.0)];
    2.0 * PADDING_X + texts.into_iter().chain(rows).chain(store).fold(0.0, f64::max)
}
