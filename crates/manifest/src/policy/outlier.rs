//! `outlier`: when an instance gets no requests for a while.

use model::spec::Outlier;

use crate::{keys::OUTLIER, read::Cx, table::Entry};

const CONSECUTIVE_MAX: u32 = 1000;

/// The ejection: `base`, or the default, with the keys that are there; none if it is `false`.
pub(super) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String, base: Option<Outlier>) -> Option<Outlier> {
    let table = super::switch(cx, entry, name, "consecutive = 3")?;
    table.check_keys(cx, &OUTLIER);
    let mut outlier = base.unwrap_or_default();
    cx.fill_integer(&table, "consecutive", 1..=CONSECUTIVE_MAX, &mut outlier.consecutive);
    cx.fill_duration(&table, "ejection", &mut outlier.ejection);
    cx.fill_duration(&table, "ejection_max", &mut outlier.ejection_max);
    cx.fill_integer(&table, "percent_max", 1..=100, &mut outlier.percent_max);
    cx.not_longer(&table, ("ejection", outlier.ejection), ("ejection_max", outlier.ejection_max));
    Some(outlier)
}
