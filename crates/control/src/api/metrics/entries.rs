//! The families of what comes in: the connections of clients, and what was refused before a connection was known.

use model::figures::EntryFigures;

use super::text::{Family, Kind};

pub(super) fn clients(open: u32) -> Family {
    let help = "Open connections of clients: to the gateway, and of instances to the services that they call.";
    let mut family = Family::new("isles_client_connections", Kind::Gauge, help);
    family.add(&Vec::new(), open);
    family
}

pub(super) fn family(entries: &[EntryFigures]) -> Family {
    let help = "Requests and connections refused before it was known which connection they use, by reason code.";
    let mut family = Family::new("isles_refused_total", Kind::Counter, help);
    for entry in entries {
        for (reason, count) in &entry.refused {
            family.add(&vec![("entry", entry.entry.clone()), ("reason", reason.code().into())], count);
        }
    }
    family
}
