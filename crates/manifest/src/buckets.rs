//! `buckets` and `objects`: key-value buckets and object stores, each with one owner.

use std::collections::{BTreeMap, BTreeSet};

use model::{BucketName, Gather};

use crate::{
    read::Cx,
    report::Span,
    service::Draft,
    table::{At, Table},
};

/// The names under a key, and where they stand.
pub(crate) fn read<'a>(
    cx: &mut Cx<'a>,
    table: &Table<'a>,
    key: &str,
    example: &str,
) -> (BTreeSet<BucketName>, Vec<At<&'a str>>) {
    let places = cx.texts_of(table, key, example);
    let names = places.iter().filter_map(|name| {
        let parsed = name.value.parse::<BucketName>();
        parsed
            .map_err(|error| {
                let finding = cx.report.error(&name.span, format!("`{}` cannot be a name in `{key}`", name.value));
                finding.hint(error.to_string());
            })
            .ok()
    });
    (names.gather(), places)
}

/// Each has one owner.
pub(crate) fn check_owners(cx: &mut Cx, drafts: &[Draft]) {
    one_owner(cx, drafts, "bucket", |draft| &draft.buckets);
    one_owner(cx, drafts, "object store", |draft| &draft.objects);
}

fn one_owner<'a>(
    cx: &mut Cx,
    drafts: &[Draft<'a>],
    what: &str,
    places: impl for<'b> Fn(&'b Draft<'a>) -> &'b [At<&'a str>],
) {
    let mut owners: BTreeMap<&str, (&str, Span)> = BTreeMap::new();
    for draft in drafts {
        for place in places(draft) {
            let Some((owner, first)) = owners.get(place.value) else {
                owners.insert(place.value, (draft.name.value, place.span.clone()));
                continue;
            };
            let message = format!("the {what} `{}` already belongs to `{owner}`", place.value);
            let hint = format!(
                "give `{0}` one of its own, and let it call `{owner}`: calls = [\"{owner}\"]",
                draft.name.value
            );
            cx.report.error(&place.span, message).hint(hint).label(first, format!("the {what} of `{owner}`"));
        }
    }
}
