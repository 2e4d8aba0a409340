//! Graphviz' DOT language (<https://graphviz.org/doc/info/lang.html>).

use crate::graph::{Graph, Kind, Node};

pub(crate) fn write(graph: &Graph) -> String {
    let mut out = format!("digraph {} {{\n", quote(&graph.name));
    let mut line = |text: String| out.push_str(&format!("  {text};\n"));
    line("rankdir=LR".into());
    line("node [shape=box, style=rounded, fontname=\"Helvetica\"]".into());
    line("edge [fontname=\"Helvetica\", fontsize=10]".into());
    for node in &graph.nodes {
        let shape = match node.kind {
            Kind::Gateway => ", shape=cds, style=solid",
            Kind::Service => "",
            Kind::Topic => ", shape=hexagon, style=solid",
        };
        line(format!("{} [label={}{shape}]", id(node), quote(&format!("{}\n{}", node.title, node.subtitle))));
        if let Some(store) = &node.store {
            line(format!("{} [label={}, shape=cylinder, style=solid]", store_id(node), quote(store)));
        }
    }
    for edge in &graph.edges {
        let label = if edge.label.is_empty() { String::new() } else { format!(" [label={}]", quote(&edge.label)) };
        line(format!("{} -> {}{label}", id(&graph.nodes[edge.from]), id(&graph.nodes[edge.to])));
    }
    for node in graph.nodes.iter().filter(|node| node.store.is_some()) {
        line(format!("{} -> {} [arrowhead=none, style=dashed]", id(node), store_id(node)));
    }
    out.push_str("}\n");
    out
}

/// `@` is in no service's name, so that nothing can be mistaken for the gateway, a store or a topic.
fn id(node: &Node) -> String {
    match node.kind {
        Kind::Gateway => quote("@gateway"),
        Kind::Service => quote(&node.title),
        Kind::Topic => quote(&format!("{}@topic", node.title)),
    }
}

fn store_id(node: &Node) -> String {
    quote(&format!("{}@store", node.title))
}

fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
