//! Prefixes as a tree of path segments.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::Matched;

#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    children: HashMap<Box<[u8]>, Tree, BuildHasherDefault<Fnv>>,
    route: Option<Matched>,
}

impl Tree {
    pub(super) fn insert(&mut self, prefix: &str, index: usize, strip: bool) {
        let prefix = prefix.trim_end_matches('/');
        let mut node = self;
        for segment in segments(prefix) {
            node = node.children.entry(segment.as_bytes().into()).or_default();
        }
        let strip = if strip { prefix.len() } else { 0 };
        node.route.get_or_insert(Matched { index, strip });
    }

    pub(super) fn find(&self, path: &[u8]) -> Option<Matched> {
        let mut node = self;
        let mut found = self.route;
        let mut rest = path.strip_prefix(b"/");
        while let Some(path) = rest.filter(|_| !node.children.is_empty()) {
            let end = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
            let Some(child) = node.children.get(&path[..end]) else { break };
            node = child;
            found = child.route.or(found);
            rest = path.get(end + 1..);
        }
        found
    }
}

/// The segments of `/a/b`: `a` and `b`.
fn segments(prefix: &str) -> impl Iterator<Item = &str> {
    prefix.strip_prefix('/').into_iter().flat_map(|rest| rest.split('/'))
}

/// FNV-1a (Fowler, Noll and Vo): cheap for short keys. What is looked up may be hostile, but what is in the map comes from the manifest, and
/// that decides how long a lookup takes.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
