//! Mermaid's flowchart syntax (<https://mermaid.js.org/syntax/flowchart.html>).

use std::fmt::Write;

use crate::graph::{Graph, Kind, Node};

pub(crate) fn write(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let label = format!("{}<br/>{}", escape(&node.title), escape(&node.subtitle));
        line(
            &mut out,
            &match node.kind {
                Kind::Gateway => format!("{}([\"{label}\"])", id(graph, index)),
                Kind::Service => format!("{}[\"{label}\"]", id(graph, index)),
                Kind::Topic => format!("{}{{{{\"{label}\"}}}}", id(graph, index)),
            },
        );
        if let Some(store) = &node.store {
            line(&mut out, &format!("{}[(\"{}\")]", store_id(node), escape(store)));
        }
    }
    for edge in &graph.edges {
        let label = if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", escape(&edge.label)) };
        line(&mut out, &format!("{} -->{label} {}", id(graph, edge.from), id(graph, edge.to)));
    }
    for (index, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.store.is_some()) {
        line(&mut out, &format!("{} -.- {}", id(graph, index), store_id(node)));
    }
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "  {text}").expect("writing to a string cannot fail");
}

/// Prefixed, because `end` and other words are reserved; without `-`, because `a--b` would be an edge. Of topics only
/// the number is sure to tell them apart then.
fn id(graph: &Graph, index: usize) -> String {
    let node = &graph.nodes[index];
    match node.kind {
        Kind::Gateway => "gateway".into(),
        Kind::Service => format!("s_{}", node.title.replace('-', "_")),
        Kind::Topic => format!("t_{index}"),
    }
}

fn store_id(node: &Node) -> String {
    format!("d_{}", node.title.replace('-', "_"))
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' | '|' => {
                write!(out, "#{};", u32::from(c)).expect("writing to a string cannot fail");
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
