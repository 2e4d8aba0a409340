//! Which route of the gateway a request takes.
//!
//! Routes of the request's host come first, then those of any host; among them the longest prefix of whole path segments
//! wins. A lookup visits one node a segment and allocates nothing, however many routes there are.

mod tree;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use model::spec::Route;
use tree::Tree;

/// The longest host name, in bytes (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// The routes of a gateway in a searchable form. Built once per epoch.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    by_host: HashMap<Box<str>, Tree>,
    any_host: Tree,
}

/// The route of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// The index of the route in the list that [`Routes::new`] was given.
    pub index: usize,
    /// Bytes to take off the front of the path before it goes on.
    pub strip: usize,
}

impl Routes {
    /// Takes the routes; of two with the same host and prefix the first counts.
    pub fn new(routes: &[Route]) -> Self {
        let mut built = Self::default();
        for (index, route) in routes.iter().enumerate() {
            let tree = match &route.host {
                Some(host) => built.by_host.entry(host.to_ascii_lowercase().into()).or_default(),
                None => &mut built.any_host,
            };
            tree.insert(&route.prefix, index, route.strip);
        }
        built
    }

    /// The route for a host name without port, in any case, and a canonical path. The host is asked for only where it matters.
    pub fn find<'a>(&self, host: impl FnOnce() -> &'a str, path: &[u8]) -> Option<Matched> {
        let tree = if self.by_host.is_empty() { None } else { self.of_host(host()) };
        tree.and_then(|tree| tree.find(path)).or_else(|| self.any_host.find(path))
    }

    fn of_host(&self, host: &str) -> Option<&Tree> {
        if host.len() > HOST_BYTES_MAX {
            return None;
        }
        let mut lower = [0; HOST_BYTES_MAX];
        let lower = &mut lower[..host.len()];
        lower.copy_from_slice(host.as_bytes());
        lower.make_ascii_lowercase();
        self.by_host.get(std::str::from_utf8(lower).ok()?)
    }
}
