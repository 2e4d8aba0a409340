use model::{
    ServiceName, TopicName,
    spec::{Gateway, Policy, Route, Service, Store, StoreEngine, System, Topic},
};
use proptest::prelude::*;

use crate::{
    dot,
    graph::Graph,
    layout::{Layout, Point, Rect, layout},
    mermaid, svg,
};

/// A service: name, instances, whether it has a store, what it calls.
type Line<'a> = (&'a str, u32, bool, &'a [&'a str]);

const SHOP: &[Line] = &[
    ("orders", 2, true, &["users", "stock", "payments"]),
    ("payments", 1, true, &[]),
    ("stock", 1, true, &[]),
    ("users", 2, true, &[]),
];

const ELEVEN: &[Line] = &[
    ("carts", 2, true, &["catalogue", "stock", "prices"]),
    ("catalogue", 3, true, &["prices", "search"]),
    ("invoices", 1, true, &["mailer"]),
    ("mailer", 1, false, &[]),
    ("orders", 4, true, &["users", "carts", "payments", "stock", "invoices", "shipping"]),
    ("payments", 2, true, &["invoices", "orders"]),
    ("prices", 1, false, &[]),
    ("search", 2, true, &[]),
    ("shipping", 1, true, &["mailer", "shipping"]),
    ("stock", 2, true, &[]),
    ("users", 2, true, &["mailer"]),
];

fn service(replicas: u32, store: bool, calls: &[&str]) -> Service {
    Service {
        replicas,
        calls: calls.iter().map(|callee| (callee.parse().unwrap(), Policy::default())).collect(),
        store: store.then_some(Store { engine: StoreEngine::Sqlite, path: None }),
        ..Service::new("x")
    }
}

fn system(name: &str, lines: &[Line], routes: &[(&str, &str)]) -> System {
    let routes = routes.iter().map(|(prefix, to)| Route::new(*prefix, to.parse().unwrap()));
    let routes: Vec<Route> = routes.collect();
    let listen = "127.0.0.1:8080".parse().unwrap();
    System {
        gateway: (!routes.is_empty()).then(|| Gateway::new(listen, routes)),
        services: lines
            .iter()
            .map(|(name, replicas, store, calls)| {
                (name.parse::<ServiceName>().unwrap(), service(*replicas, *store, calls))
            })
            .collect(),
        ..System::new(name.parse().unwrap())
    }
}

/// The shop with a topic that goes to one service, and one that goes round.
fn shop_with_topics() -> System {
    let mut system = shop();
    for (name, publisher, subscriber) in [("orders.placed", "orders", "payments"), ("stock-low", "stock", "stock")] {
        let topic: TopicName = name.parse().unwrap();
        let mut change = |service: &str, change: &dyn Fn(&mut Service)| {
            change(system.services.get_mut(&service.parse::<ServiceName>().unwrap()).unwrap());
        };
        change(publisher, &|service| service.publishes.extend([topic.clone()]));
        change(subscriber, &|service| service.subscribes.extend([topic.clone()]));
        change("users", &|service| service.buckets.extend(["sessions".parse().unwrap()]));
        system.topics.insert(topic, Topic::default());
    }
    system
}

fn shop() -> System {
    system("shop", SHOP, &[("/users", "users"), ("/orders", "orders"), ("/stock", "stock")])
}

fn eleven() -> System {
    let routes = [
        ("/", "catalogue"),
        ("/carts", "carts"),
        ("/orders", "orders"),
        ("/checkout", "orders"),
        ("/users", "users"),
        ("/search", "search"),
    ];
    system("webshop", ELEVEN, &routes)
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

fn on_border(rect: &Rect, (x, y): Point) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 0.01;
    let (right, bottom) = (rect.x + rect.width, rect.y + rect.height);
    let beside = (near(x, rect.x) || near(x, right)) && rect.y <= y && y <= bottom;
    beside || near(y, rect.y) && rect.x <= x && x <= right
}

fn strictly_inside(rect: &Rect, (x, y): Point) -> bool {
    let slack = 0.01;
    x > rect.x + slack && x < rect.x + rect.width - slack && y > rect.y + slack && y < rect.y + rect.height - slack
}

/// Points along a curve.
fn samples(layout: &Layout, edge: usize) -> Vec<Point> {
    let curve = &layout.curves[edge];
    let mut from = curve.start;
    let mut points = vec![from];
    for [first, second, to] in curve.pieces.iter().copied() {
        for step in 1..=20 {
            let (t, u) = (f64::from(step) / 20.0, 1.0 - f64::from(step) / 20.0);
            let mix = |a: f64, b: f64, c: f64, d: f64| {
                u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
            };
            points.push((mix(from.0, first.0, second.0, to.0), mix(from.1, first.1, second.1, to.1)));
        }
        from = to;
    }
    points
}

fn check_layout(system: &System) {
    let graph = Graph::of(system);
    let layout = layout(&graph);
    let mut rects: Vec<Rect> = layout.blocks.iter().map(|block| block.frame).collect();
    rects.extend(layout.blocks.iter().filter_map(|block| block.store));
    for (index, rect) in rects.iter().enumerate() {
        let inside = rect.x >= 0.0 && rect.y >= 0.0;
        assert!(inside && rect.x + rect.width <= layout.width && rect.y + rect.height <= layout.height, "{rect:?}");
        assert!(!rects[..index].iter().any(|other| overlap(rect, other)), "{rect:?} overlaps another box");
    }
    assert_eq!(layout.curves.len(), graph.edges.len());
    for (index, (edge, curve)) in graph.edges.iter().zip(&layout.curves).enumerate() {
        assert!(on_border(&layout.blocks[edge.from].frame, curve.start), "{curve:?}");
        assert!(on_border(&layout.blocks[edge.to].frame, curve.end()), "{curve:?}");
        for point in samples(&layout, index) {
            assert!(!rects.iter().any(|rect| strictly_inside(rect, point)), "{curve:?} touches a box at {point:?}");
            assert!((0.0..=layout.width).contains(&point.0) && (0.0..=layout.height).contains(&point.1), "{point:?}");
        }
    }
    check_rows(&graph, &layout);
}

fn check_rows(graph: &Graph, layout: &Layout) {
    let routed = graph.edges.iter().filter(|edge| !edge.label.is_empty()).count();
    assert_eq!(layout.blocks.iter().map(|block| block.rows.len()).sum::<usize>(), routed);
    for block in &layout.blocks {
        let inside = |y: f64| y > block.frame.y + 52.0 && y < block.frame.y + block.frame.height;
        assert!(block.rows.iter().all(|(y, _)| inside(*y)), "{block:?}");
    }
}

/// The SVG is well-formed as far as that can be seen without a parser: every tag is closed.
fn check_svg(text: &str) {
    let mut open = Vec::new();
    for tag in text.split('<').skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0) {
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        match tag {
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(&tag[1..]), "{tag}"),
            _ if tag.ends_with('/') => {}
            _ => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn the_shop_and_a_bigger_one() {
    for system in [shop(), eleven(), shop_with_topics()] {
        check_layout(&system);
        check_svg(&svg(&system));
        assert_eq!(svg(&system), svg(&system.clone()));
    }
}

#[test]
fn small_and_odd_systems() {
    let many: Vec<String> = (0..40).map(|i| format!("s{i}")).collect();
    let hub: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut star: Vec<Line> = hub.iter().map(|name| (*name, 1, false, [].as_slice())).collect();
    star.push(("hub", 1, true, &hub));
    let long = "a".repeat(63);
    for lines in [
        vec![],
        vec![("a", 0, false, [].as_slice())],
        vec![("a", 1, true, ["a"].as_slice())],
        vec![("a", 1, true, ["b"].as_slice()), ("b", 1, true, &["a"])],
        vec![(&*long, 1000, true, [].as_slice())],
        star,
    ] {
        let system = system("odd", &lines, &[]);
        check_layout(&system);
        check_svg(&svg(&system));
    }
}

#[test]
fn a_long_chain_with_a_way_back_ends() {
    let names: Vec<String> = (0..1500).map(|i| format!("s{i}")).collect();
    let next: Vec<[&str; 1]> = (0..1500).map(|i| [names[(i + 1) % 1500].as_str()]).collect();
    let lines: Vec<Line> = names.iter().zip(&next).map(|(name, next)| (name.as_str(), 1, false, &next[..])).collect();
    let graph = Graph::of(&system("chain", &lines, &[]));
    assert_eq!(layout(&graph).curves.len(), 1500);
}

#[test]
fn the_gateway_is_left_and_callers_are_left_of_those_they_call() {
    let graph = Graph::of(&shop());
    let layout = layout(&graph);
    let x = |title: &str| layout.blocks[graph.nodes.iter().position(|node| node.title == title).unwrap()].frame.x;
    assert!(x("gateway") < x("orders") && x("orders") < x("users"));
    assert_eq!((x("users"), x("users")), (x("stock"), x("payments")));
}

#[test]
fn texts_are_escaped() {
    let system =
        system("shop", &[("a--b", 1, false, &[]), ("end", 1, false, &[])], &[("/a\"<&>#|b", "a--b"), ("/", "end")]);
    check_svg(&svg(&system));
    assert!(svg(&system).contains("/a&quot;&lt;&amp;&gt;#|b"));
    assert!(mermaid(&system).contains("gateway -->|\"/a#34;#60;#38;#62;#35;#124;b\"| s_a__b\n"));
    assert!(mermaid(&system).contains("gateway -->|\"/\"| s_end\n"));
    assert!(dot(&system).contains("\"@gateway\" -> \"a--b\" [label=\"/a\\\"<&>#|b\"];\n"));
}

#[test]
fn the_shop_as_mermaid() {
    let expected = r#"flowchart LR
  gateway(["gateway<br/>127.0.0.1:8080"])
  s_orders["orders<br/>2 instances"]
  d_orders[("sqlite")]
  s_payments["payments<br/>1 instance"]
  d_payments[("sqlite")]
  s_stock["stock<br/>1 instance"]
  d_stock[("sqlite")]
  s_users["users<br/>2 instances"]
  d_users[("sqlite")]
  gateway -->|"/users"| s_users
  gateway -->|"/orders"| s_orders
  gateway -->|"/stock"| s_stock
  s_orders --> s_payments
  s_orders --> s_stock
  s_orders --> s_users
  s_orders -.- d_orders
  s_payments -.- d_payments
  s_stock -.- d_stock
  s_users -.- d_users
"#;
    assert_eq!(mermaid(&shop()), expected);
}

#[test]
fn topics_as_mermaid_and_dot() {
    let system = shop_with_topics();
    let (mermaid, dot) = (mermaid(&system), dot(&system));
    for (text, line) in [
        (&mermaid, "  t_5{{\"orders.placed<br/>topic\"}}\n"),
        (&mermaid, "  s_orders --> t_5\n"),
        (&mermaid, "  t_5 --> s_payments\n"),
        (&mermaid, "  s_stock --> t_6\n"),
        (&mermaid, "  t_6 --> s_stock\n"),
        (&mermaid, "  d_users[(\"sqlite, bucket sessions\")]\n"),
        (&dot, "  \"orders.placed@topic\" [label=\"orders.placed\\ntopic\", shape=hexagon, style=solid];\n"),
        (&dot, "  \"orders\" -> \"orders.placed@topic\";\n"),
        (&dot, "  \"orders.placed@topic\" -> \"payments\";\n"),
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn two_services_as_dot() {
    let mut system = system("two", &[("a", 1, true, &["b"]), ("b", 0, false, &["b"])], &[("/a", "a"), ("/c", "a")]);
    let store = system.services.get_mut(&"a".parse().unwrap()).unwrap().store.as_mut().unwrap();
    store.path = Some("data/a.db".into());
    let expected = r#"digraph "two" {
  rankdir=LR;
  node [shape=box, style=rounded, fontname="Helvetica"];
  edge [fontname="Helvetica", fontsize=10];
  "@gateway" [label="gateway\n127.0.0.1:8080", shape=cds, style=solid];
  "a" [label="a\n1 instance"];
  "a@store" [label="sqlite: a.db", shape=cylinder, style=solid];
  "b" [label="b\n0 instances"];
  "@gateway" -> "a" [label="/a, /c"];
  "a" -> "b";
  "b" -> "b";
  "a" -> "a@store" [arrowhead=none, style=dashed];
}
"#;
    assert_eq!(dot(&system), expected);
}

proptest! {
    #[test]
    fn any_graph(
        count in 1..30_usize,
        calls in prop::collection::vec((0..30_usize, 0..30_usize), 0..90),
        routes in prop::collection::vec(0..30_usize, 0..8),
        stores in any::<u32>(),
    ) {
        let names: Vec<String> = (0..count).map(|i| format!("service-{i}")).collect();
        let callees: Vec<Vec<&str>> = (0..count)
            .map(|from| calls.iter().filter(|call| call.0 % count == from).map(|call| &*names[call.1 % count]).collect())
            .collect();
        let line = |i: usize| (names[i].as_str(), 1, stores >> i & 1 == 1, callees[i].as_slice());
        let lines: Vec<Line> = (0..count).map(line).collect();
        let prefixes: Vec<String> = (0..routes.len()).map(|i| format!("/route-{i}")).collect();
        let routes: Vec<_> = prefixes.iter().zip(&routes).map(|(prefix, to)| (&**prefix, &*names[to % count])).collect();
        let system = system("random", &lines, &routes);
        check_layout(&system);
        check_svg(&svg(&system));
    }
}
