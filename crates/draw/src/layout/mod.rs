//! A layered layout, left to right, after Sugiyama, Tagawa and Toda (1981): break cycles, put every node into a
//! column, order the columns so that few edges cross, then find heights and curves.
//!
//! An edge runs freely only between two columns; across a column it is a level line in a lane of its own. So it
//! cannot touch a box.

mod columns;
mod cycles;
mod order;
mod place;
mod route;

use crate::graph::Graph;

pub(crate) use place::{Plan, ROW_HEIGHT};

/// A picture with all its places, in pixels from the upper left corner.
pub(crate) struct Layout {
    pub width: f64,
    pub height: f64,
    /// The boxes, in the order of the graph's nodes.
    pub blocks: Vec<Block>,
    /// The arrows, in the order of the graph's edges.
    pub curves: Vec<Curve>,
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A node's box, and what hangs on it.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub frame: Rect,
    pub store: Option<Rect>,
    /// The gateway's routes: the middle of each row, and its text.
    pub rows: Vec<(f64, String)>,
}

/// An arrow: where it starts, and then its cubic Bézier pieces, each by two control points and its end.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub start: Point,
    pub pieces: Vec<[Point; 3]>,
}

pub(crate) type Point = (f64, f64);

/// Gives everything a place.
pub(crate) fn layout(graph: &Graph) -> Layout {
    let edges = cycles::without(graph);
    let columns = columns::assign(graph, &edges);
    let mut lanes = order::Lanes::new(&columns, &edges);
    lanes.order();
    let plan = Plan::new(graph, &lanes);
    route::draw(graph, &edges, &lanes, plan)
}
