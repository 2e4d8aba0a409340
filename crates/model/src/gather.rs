/// Gathers the items of an iterator in a collection, one by one.
///
/// `collect` into a `BTreeMap` or a `BTreeSet` sorts a list of the items first, and each type of item has its own copy
/// of that sort, 4 KB of the binary. This compiles no sort. `collect` is right where the collection is large: it fills
/// the nodes of the tree.
pub trait Gather: Iterator + Sized {
    /// All items; of equal keys the last value, like `collect`.
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}

impl<I: Iterator> Gather for I {}
