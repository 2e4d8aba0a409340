//! The family of what was refused before a connection was known.

use model::figures::EntryFigures;

use super::text::{Family, Kind};

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
