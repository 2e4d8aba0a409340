//! Pictures of a system: its services, its connections and its data, as Mermaid, DOT and SVG.
//!
//! Every picture is a function of the system alone: the same system gives the same bytes.

mod dot;
mod graph;
mod layout;
mod mermaid;
mod svg;
mod text;

#[cfg(test)]
mod tests;

use model::spec::System;

use graph::Graph;

/// A Mermaid flowchart, left to right.
pub fn mermaid(system: &System) -> String {
    mermaid::write(&Graph::of(system))
}

/// A digraph in Graphviz' DOT language, left to right.
pub fn dot(system: &System) -> String {
    dot::write(&Graph::of(system))
}

/// An SVG document that needs nothing else: own layout, own colours for light and dark pages.
pub fn svg(system: &System) -> String {
    let graph = Graph::of(system);
    svg::write(&graph, &layout::layout(&graph))
}
