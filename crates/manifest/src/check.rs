//! Rules that concern several services.

use std::{collections::BTreeMap, path::Path};

use model::spec::Gateway;

use crate::{read::Cx, report::Span, service::Draft};

/// A store has one owner.
pub(crate) fn stores(cx: &mut Cx, drafts: &[Draft]) {
    let mut owners: BTreeMap<&Path, (&str, Span)> = BTreeMap::new();
    for draft in drafts {
        let Some(path) = &draft.store_path else { continue };
        let Some((owner, place)) = owners.get(path.value.as_path()) else {
            owners.insert(&path.value, (draft.name.value, path.span.clone()));
            continue;
        };
        let message = format!("the store `{}` already belongs to `{owner}`", path.value.display());
        let hint =
            format!("give `{0}` a path of its own, and let it call `{owner}`: calls = [\"{owner}\"]", draft.name.value);
        cx.report.error(&path.span, message).hint(hint).label(place, format!("the store of `{owner}`"));
    }
}

/// The gateway's port is no service's.
pub(crate) fn ports(cx: &mut Cx, gateway: Option<&Gateway>, drafts: &[Draft]) {
    let Some(gateway) = gateway else { return };
    let port = gateway.listen.port().to_string();
    for run in drafts.iter().filter_map(|draft| draft.run.as_ref()) {
        if run.value.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == port) {
            let message = format!("`run` names port {port}, where the gateway listens");
            cx.report.warning(&run.span, message).hint("let the program listen on $PORT");
        }
    }
}
