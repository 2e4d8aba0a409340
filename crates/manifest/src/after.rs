//! `after`: no service may wait for itself, by whatever way round.

use std::collections::BTreeMap;

use model::Gather;

use crate::{read::Cx, service::Draft, table::At};

/// Reports each cycle once, and services that wait for one that never starts.
pub(crate) fn check(cx: &mut Cx, drafts: &[Draft]) {
    let by_name: BTreeMap<&str, &Draft> = drafts.iter().map(|draft| (draft.name.value, draft)).gather();
    let mut walk = Walk { by_name: &by_name, done: BTreeMap::new() };
    for draft in drafts {
        walk.from(cx, draft);
        for name in &draft.after {
            never(cx, draft, name, &by_name);
        }
    }
}

fn never(cx: &mut Cx, draft: &Draft, name: &At<&str>, by_name: &BTreeMap<&str, &Draft>) {
    if by_name.get(name.value).is_some_and(|other| other.spec.replicas == 0) && draft.spec.replicas > 0 {
        let message = format!("`{}` waits for `{}`, which has no instances", draft.name.value, name.value);
        cx.report.warning(&name.span, message).hint(format!("scale `{}`, or remove it from `after`", name.value));
    }
}

/// A depth-first walk with its own stack, so that a long chain cannot overflow that of the thread.
struct Walk<'a, 'b> {
    by_name: &'b BTreeMap<&'b str, &'b Draft<'a>>,
    /// Whether everything behind a service was walked; absent if it was not yet met.
    done: BTreeMap<&'b str, bool>,
}

impl<'a, 'b> Walk<'a, 'b> {
    fn from(&mut self, cx: &mut Cx, start: &'b Draft<'a>) {
        if self.done.contains_key(start.name.value) {
            return;
        }
        let mut path = vec![(start, 0)];
        self.done.insert(start.name.value, false);
        while let Some((draft, next)) = path.last_mut() {
            let Some(name) = draft.after.get(*next) else {
                self.done.insert(draft.name.value, true);
                path.pop();
                continue;
            };
            *next += 1;
            let Some(other) = self.by_name.get(name.value) else { continue };
            match self.done.get(name.value) {
                None => {
                    self.done.insert(name.value, false);
                    path.push((other, 0));
                }
                Some(false) => report(cx, &path, name),
                Some(true) => {}
            }
        }
    }
}

/// The last edge of the path leads back to `to`, somewhere on the path.
fn report(cx: &mut Cx, path: &[(&Draft, usize)], to: &At<&str>) {
    let start = path.iter().position(|(draft, _)| draft.name.value == to.value).unwrap_or(0);
    let cycle = &path[start..];
    let names: Vec<_> = cycle.iter().map(|(draft, _)| draft.name.value).chain([to.value]).collect();
    let finding = cx.report.error(&to.span, format!("`after` goes round in a circle: {}", names.join(" -> ")));
    finding.hint("remove one of them: a call to a service that is not healthy yet is held anyway");
    for (draft, next) in &cycle[..cycle.len() - 1] {
        finding.label(&draft.after[*next - 1].span, format!("`{}` waits for it", draft.name.value));
    }
}
