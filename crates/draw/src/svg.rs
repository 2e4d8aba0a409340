//! SVG 1.1, with colours for light and dark pages.

use std::fmt::Write;

use crate::{
    graph::{Graph, Kind, Node},
    layout::{Block, Curve, Layout, Rect},
    text::{escape, fit},
};

const STYLE: &str = "\
.isles{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}\
.isles .card{fill:#fbfcfe;stroke:#d8dee9}\
.isles .box{fill:#fff;stroke:#5b7bb2;stroke-width:1.5}\
.isles .gateway{fill:#e9f0fb;stroke:#35589a}\
.isles .store{fill:#f1efe6;stroke:#a08a4f;stroke-width:1.2}\
.isles .hang{fill:none;stroke:#a08a4f;stroke-width:1.2;stroke-dasharray:3 3}\
.isles .call{fill:none;stroke:#6b7a94;stroke-width:1.5}\
.isles .message{stroke-dasharray:6 3}\
.isles .topic{fill:#eef6ee;stroke:#4f8a5b}\
.isles .head{fill:#6b7a94}\
.isles .rule{stroke:#35589a;stroke-opacity:.3}\
.isles text{fill:#1c2636;text-anchor:middle}\
.isles .small{fill:#5a6880}\
.isles .left{text-anchor:start}\
.isles .right{text-anchor:end}\
@media(prefers-color-scheme:dark){\
.isles .card{fill:#10151d;stroke:#2c3544}\
.isles .box{fill:#18202c;stroke:#6f93d2}\
.isles .gateway{fill:#1b2a44;stroke:#86a9e6}\
.isles .topic{fill:#18261b;stroke:#6fae7c}\
.isles .store{fill:#26231a;stroke:#b99f5c}\
.isles .hang{stroke:#b99f5c}\
.isles .call{stroke:#8e9db6}\
.isles .head{fill:#8e9db6}\
.isles .rule{stroke:#86a9e6}\
.isles text{fill:#e6ebf3}\
.isles .small{fill:#9dabc2}}";

pub(crate) fn write(graph: &Graph, layout: &Layout) -> String {
    let (width, height) = (layout.width.max(min_width(graph)), layout.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"isles\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">\n<title>{0}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"isles-head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path class=\"head\" d=\"M0 1 10 5 0 9z\"/></marker></defs>\n\
         <rect class=\"card\" x=\".5\" y=\".5\" width=\"{1}\" height=\"{2}\" rx=\"12\"/>\n\
         <text class=\"left\" x=\"28\" y=\"38\" font-size=\"18\" font-weight=\"600\">{0}</text>\n",
        escape(&graph.name),
        width - 1.0,
        height - 1.0,
    );
    for (edge, curve) in graph.edges.iter().zip(&layout.curves) {
        let (from, to) = (&graph.nodes[edge.from], &graph.nodes[edge.to]);
        line(&mut out, &arrow(curve, from, to));
    }
    for (node, block) in graph.nodes.iter().zip(&layout.blocks) {
        boxed(&mut out, node, block);
    }
    out.push_str("</svg>\n");
    out
}

fn min_width(graph: &Graph) -> f64 {
    (crate::text::width(&graph.name, 18.0) + 56.0).round()
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

fn arrow(curve: &Curve, from: &Node, to: &Node) -> String {
    let mut path = format!("M{} {}", number(curve.start.0), number(curve.start.1));
    for piece in &curve.pieces {
        let points: Vec<_> = piece.iter().map(|(x, y)| format!("{} {}", number(*x), number(*y))).collect();
        path.push_str(&format!("C{}", points.join(" ")));
    }
    let title = format!("{} -&gt; {}", escape(&from.title), escape(&to.title));
    let class = if [from, to].iter().any(|node| node.kind == Kind::Topic) { "call message" } else { "call" };
    format!("<path class=\"{class}\" d=\"{path}\" marker-end=\"url(#isles-head)\"><title>{title}</title></path>")
}

fn boxed(out: &mut String, node: &Node, block: &Block) {
    let Rect { x, y, width, height } = block.frame;
    let (class, radius) = match node.kind {
        Kind::Gateway => ("box gateway", 8.0),
        Kind::Service => ("box", 8.0),
        Kind::Topic => ("box topic", height / 2.0),
    };
    let middle = number(x + width / 2.0);
    if let (Some(store), Some(text)) = (&block.store, &node.store) {
        line(out, &format!("<path class=\"hang\" d=\"M{middle} {}V{}\"/>", number(y + height), number(store.y)));
        cylinder(out, store, text);
    }
    let frame = [x, y, width, height].map(number);
    line(
        out,
        &format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            frame[0],
            frame[1],
            frame[2],
            frame[3],
            number(radius)
        ),
    );
    let title = escape(&fit(&node.title, 15.0, width - 12.0));
    let subtitle = escape(&fit(&node.subtitle, 12.0, width - 12.0));
    line(
        out,
        &format!(
            "<text x=\"{middle}\" y=\"{}\" font-size=\"15\" font-weight=\"600\">{title}</text>\
         <text class=\"small\" x=\"{middle}\" y=\"{}\" font-size=\"12\">{subtitle}</text>",
            number(y + height_of_header(block) / 2.0 - 3.0),
            number(y + height_of_header(block) / 2.0 + 15.0),
        ),
    );
    if let Some(top) = block.rows.iter().map(|(row, _)| *row).reduce(f64::min) {
        let rule = number(top - 12.0);
        line(out, &format!("<path class=\"rule\" d=\"M{} {rule}H{}\"/>", number(x), number(x + width)));
    }
    for (row, text) in &block.rows {
        let text = escape(&fit(text, 12.0, width - 20.0));
        let (right, row) = (number(x + width - 10.0), number(row + 4.0));
        line(out, &format!("<text class=\"right\" x=\"{right}\" y=\"{row}\" font-size=\"12\">{text}</text>"));
    }
}

/// The part of a box above the gateway's routes.
fn height_of_header(block: &Block) -> f64 {
    if block.rows.is_empty() { block.frame.height } else { 52.0 }
}

fn cylinder(out: &mut String, rect: &Rect, text: &str) {
    let (left, right, middle) = (number(rect.x), number(rect.x + rect.width), number(rect.x + rect.width / 2.0));
    let (radius, curve) = (number(rect.width / 2.0), 5.0);
    let (top, bottom) = (number(rect.y + curve), number(rect.y + rect.height - curve));
    let label = escape(&fit(text, 12.0, rect.width - 12.0));
    line(
        out,
        &format!(
            "<path class=\"store\" d=\"M{left} {top}A{radius} 5 0 0 1 {right} {top}V{bottom}A{radius} 5 0 0 1 {left} {bottom}Z\
         M{left} {top}A{radius} 5 0 0 0 {right} {top}\"/>\
         <text class=\"small\" x=\"{middle}\" y=\"{}\" font-size=\"12\">{label}</text>",
            number(rect.y + rect.height / 2.0 + 7.0),
        ),
    );
}

/// At most one digit after the point.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).into()
}
