//! Who wakes with a service that sleeps: all that it may call, at once, so that a request does not wait for one after the
//! other.

use std::collections::BTreeSet;

use model::{ServiceName, spec::System};

/// These services, and all that are reachable from them along declared calls.
pub fn path(system: &System, awaited: BTreeSet<ServiceName>) -> BTreeSet<ServiceName> {
    let mut path = BTreeSet::new();
    let mut open: Vec<_> = awaited.into_iter().filter(|name| system.services.contains_key(name)).collect();
    while let Some(name) = open.pop() {
        if path.insert(name.clone()) {
            open.extend(system.services.get(&name).into_iter().flat_map(|service| service.calls.keys().cloned()));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_spec::system;

    #[test]
    fn everything_that_may_be_called_wakes() {
        let system = system(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &["b"]), ("z", &["a"])]);
        for (awaited, woken) in
            [("a", "a b c d"), ("b", "b d"), ("z", "a b c d z"), ("c z", "a b c d z"), ("gone", ""), ("gone d", "b d")]
        {
            let path = path(&system, awaited.split(' ').map(|name| name.parse().unwrap()).collect());
            assert_eq!(path.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(" "), woken, "{awaited}");
        }
    }
}
