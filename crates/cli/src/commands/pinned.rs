//! What `isles check` says of a system whose requests stay on the release that they entered on.

use std::collections::BTreeSet;

use model::{
    Gather, ServiceName,
    pins::{self, Node},
    spec::System,
};
use serde::Serialize;

use crate::{
    paint::{Paint, Style},
    report::UserError,
    table::{self, Cell},
    text::count,
};

/// What a change of one service asks for beside its own instances.
#[derive(Serialize)]
pub(super) struct Second<'a> {
    changed: &'a ServiceName,
    services: BTreeSet<ServiceName>,
    instances: u32,
}

/// The second sets that a change of each service starts, where there are any.
///
/// # Errors
/// When a request could leave a release and come back into it all the same.
pub(super) fn second_sets(system: &System) -> Result<Vec<Second<'_>>, UserError> {
    let all = system.services.keys().map(|changed| second_set(system, changed));
    let asks = |second: &Result<Second, _>| second.as_ref().map_or(true, |second| !second.services.is_empty());
    all.filter(asks).collect()
}

fn second_set<'a>(system: &'a System, changed: &'a ServiceName) -> Result<Second<'a>, UserError> {
    let alone = BTreeSet::from([changed.clone()]);
    let services = pins::second_sets(system, system, &alone);
    let release = services.union(&alone).cloned().gather();
    if let Some(path) = pins::reentry(system, &release) {
        let names: Vec<_> = path.iter().map(name).collect();
        let cause = format!("a change of `{changed}` would not stay on its release: {}", names.join(" -> "));
        return Err(UserError::failed(cause, "this is an error of Isles: please report it with this manifest"));
    }
    let instances = services.iter().filter_map(|name| system.services.get(name)).map(|service| service.replicas).sum();
    Ok(Second { changed, services, instances })
}

fn name(node: &Node) -> &str {
    node.as_ref().map_or("the gateway", ServiceName::as_str)
}

/// The proof in words, and a line for each service whose change costs more than its own instances.
pub(super) fn render(sets: &[Second], paint: Paint) -> String {
    let head = ["A CHANGE OF", "ALSO STARTS", "MEANWHILE"];
    let row = |second: &Second| {
        let services: Vec<_> = second.services.iter().map(ServiceName::as_str).collect();
        vec![
            Cell::plain(second.changed.as_str()),
            Cell::new(services.join(","), Style::Busy),
            Cell::plain(count(second.instances as usize, "more instance")),
        ]
    };
    let rows: Vec<_> = sets.iter().map(row).collect();
    let table = if rows.is_empty() { String::new() } else { table::render(&head, rows, None, paint) };
    format!("{table}pinned: no path of calls leaves a release and comes back into it\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::manifest;

    const SHOP: &str = "[system]\nname = \"shop\"\n[upgrade]\npinned = true\nstrategy = \"canary\"\n\
        [gateway]\nlisten = \"127.0.0.1:80\"\nroutes = { \"/\" = \"web\" }\n\
        [services.web]\nrun = \"x\"\nreplicas = 2\ncalls = [\"orders\", \"users\"]\n\
        [services.orders]\nrun = \"x\"\ncalls = [\"payments\"]\n\
        [services.payments]\nrun = \"x\"\n[services.users]\nrun = \"x\"\n";

    #[test]
    fn each_change_and_what_it_starts() {
        let system = manifest(SHOP);
        let expected = "\
A CHANGE OF  ALSO STARTS  MEANWHILE
orders       web          2 more instances
payments     orders,web   3 more instances
users        web          2 more instances
pinned: no path of calls leaves a release and comes back into it
";
        assert_eq!(render(&second_sets(&system).unwrap(), Paint { on: false }), expected);
        let flat = manifest(&SHOP.replace("calls = ", "after = "));
        let text = render(&second_sets(&flat).unwrap(), Paint { on: false });
        assert_eq!(text, "pinned: no path of calls leaves a release and comes back into it\n");
    }
}
