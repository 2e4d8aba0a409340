//! `upgrade`: how a service goes from one release to the next.

mod canary;

use std::time::Duration;

use model::spec::{Strategy, Terms, Upgrade, Wait};

use crate::{
    keys::{BLUE_GREEN, CANARY, KEPT, Keys, ROLLING, SYSTEM_UPGRADE, UPGRADE},
    read::Cx,
    table::{Entry, Table},
};

const INSTANCES_MAX: u32 = 1000;
const KEEP: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rolling,
    BlueGreen,
    Canary,
}

const KINDS: [(&str, Kind); 3] =
    [("rolling", Kind::Rolling), ("blue-green", Kind::BlueGreen), ("canary", Kind::Canary)];
/// Keys that mean something with some strategies only; a hint names the first of these.
const MEANINGS: [(&[&str], &[Kind]); 4] = [
    (ROLLING, &[Kind::Rolling]),
    (KEPT, &[Kind::BlueGreen, Kind::Canary]),
    (BLUE_GREEN, &[Kind::BlueGreen]),
    (CANARY, &[Kind::Canary]),
];

impl Kind {
    fn of(strategy: &Strategy) -> Self {
        match strategy {
            Strategy::Rolling => Self::Rolling,
            Strategy::BlueGreen { .. } => Self::BlueGreen,
            Strategy::Canary { .. } => Self::Canary,
        }
    }

    fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// Reads `[upgrade]`, which services inherit, into `cx`.
pub(crate) fn of_system<'a>(cx: &mut Cx<'a>, root: &Table<'a>) {
    let Some(table) = root.get("upgrade").and_then(|entry| cx.table(&entry, "upgrade".into())) else { return };
    let mut pinned = false;
    cx.fill_boolean(&table, "pinned", &mut pinned);
    cx.pinned = pinned;
    if let Some(entry) = table.get("pinned").filter(|_| pinned && root.get("gateway").is_none()) {
        let finding = cx.report.warning(&entry.span, "requests enter a release at the gateway, and there is none");
        finding.hint("add `[gateway]`, or remove `pinned`").absence();
    }
    cx.upgrade = read(cx, &table, &SYSTEM_UPGRADE, &Upgrade::default());
}

/// The upgrade of a service.
pub(crate) fn of_service<'a>(cx: &mut Cx<'a>, service: &Table<'a>) -> Upgrade {
    let inherited = cx.upgrade.clone();
    let table = service.get("upgrade").and_then(|entry| cx.table(&entry, format!("{}.upgrade", service.name)));
    table.map_or_else(|| inherited.clone(), |table| read(cx, &table, &UPGRADE, &inherited))
}

fn read<'a>(cx: &mut Cx<'a>, table: &Table<'a>, keys: &Keys, inherited: &Upgrade) -> Upgrade {
    table.check_keys(cx, keys);
    let before = Kind::of(&inherited.strategy);
    let kind = match table.get("strategy") {
        None => Some(before),
        Some(entry) => cx.text(&entry, "\"canary\"").and_then(|word| cx.choice(&word, "strategy", &KINDS)),
    };
    let Some(kind) = kind else { return inherited.clone() };
    check_meaning(cx, table, kind);
    check_pinned(cx, table, kind);
    let defaults = Upgrade {
        strategy: default(kind, kept(&inherited.strategy)),
        terms: inherited.terms.clone(),
        ..Upgrade::default()
    };
    let mut upgrade = if kind == before { inherited.clone() } else { defaults };
    upgrade.progress_deadline = inherited.progress_deadline;
    terms(cx, table, &mut upgrade);
    match &mut upgrade.strategy {
        Strategy::Rolling => {}
        Strategy::BlueGreen { preview, keep } => {
            fill_wait(cx, table, "preview", preview);
            fill_keep(cx, table, keep);
        }
        Strategy::Canary { steps, judged, keep } => {
            canary::fill(cx, table, steps, judged);
            fill_keep(cx, table, keep);
        }
    }
    if kind == Kind::Canary {
        canary::fill_traffic(cx, table, &mut upgrade.sticky, &mut upgrade.tolerance);
    }
    upgrade
}

fn default(kind: Kind, keep: Duration) -> Strategy {
    match kind {
        Kind::Rolling => Strategy::Rolling,
        Kind::BlueGreen => Strategy::BlueGreen { preview: Wait::For(Duration::ZERO), keep },
        Kind::Canary => canary::default(keep),
    }
}

fn kept(strategy: &Strategy) -> Duration {
    match strategy {
        Strategy::Rolling => KEEP,
        Strategy::BlueGreen { keep, .. } | Strategy::Canary { keep, .. } => *keep,
    }
}

fn check_meaning(cx: &mut Cx, table: &Table, kind: Kind) {
    let foreign = MEANINGS.iter().filter(|(_, kinds)| !kinds.contains(&kind));
    for (keys, kinds) in foreign {
        for entry in keys.iter().filter_map(|key| table.get(key)) {
            let message = format!("`{}` means nothing with the strategy `{}`", entry.key, kind.word());
            let finding = cx.report.error(&entry.key_span, message);
            finding.hint(format!("write `strategy = {:?}`, or remove it", kinds[0].word()));
            if let Some(strategy) = table.get("strategy") {
                finding.label(&strategy.span, "the strategy");
            }
        }
    }
}

fn check_pinned(cx: &mut Cx, table: &Table, kind: Kind) {
    let place = table.get("strategy").or_else(|| table.get("pinned"));
    if let Some(entry) = place.filter(|_| cx.pinned && kind == Kind::Rolling) {
        let message = "`pinned` needs a whole set of both releases, and `rolling` replaces instance by instance";
        cx.report.error(&entry.span, message).hint("write `strategy = \"canary\"` or `strategy = \"blue-green\"`");
    }
}

fn terms<'a>(cx: &mut Cx<'a>, table: &Table<'a>, upgrade: &mut Upgrade) {
    let Terms { max_surge, max_unavailable, min_healthy_time, healthy_deadline } = &mut upgrade.terms;
    cx.fill_integer(table, "max_surge", 0..=INSTANCES_MAX, max_surge);
    cx.fill_integer(table, "max_unavailable", 0..=INSTANCES_MAX, max_unavailable);
    *min_healthy_time =
        table.get("min_healthy_time").and_then(|entry| cx.duration(&entry)).unwrap_or(*min_healthy_time);
    cx.fill_duration(table, "healthy_deadline", healthy_deadline);
    cx.fill_duration(table, "progress_deadline", &mut upgrade.progress_deadline);
    if (*max_surge, *max_unavailable) == (0, 0) {
        let message = "`max_surge` and `max_unavailable` are both 0: no instance could be replaced";
        let hint = "leave one of them out, or make it 1 at least";
        cx.conflict(table, ["max_surge", "max_unavailable"], message.into(), hint.into());
    }
    let healthy = ("healthy_deadline", *healthy_deadline);
    cx.shorter(table, ("min_healthy_time", *min_healthy_time), healthy);
    cx.shorter(table, healthy, ("progress_deadline", upgrade.progress_deadline));
}

fn fill_keep<'a>(cx: &mut Cx<'a>, table: &Table<'a>, keep: &mut Duration) {
    *keep = table.get("keep").and_then(|entry| cx.duration(&entry)).unwrap_or(*keep);
}

fn fill_wait<'a>(cx: &mut Cx<'a>, table: &Table<'a>, key: &str, wait: &mut Wait) {
    *wait = table.get(key).and_then(|entry| read_wait(cx, &entry)).unwrap_or(*wait);
}

/// A time, or `"manual"` for a person's word.
fn read_wait<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<Wait> {
    if entry.value.as_str() == Some("manual") { Some(Wait::Person) } else { cx.duration(entry).map(Wait::For) }
}
