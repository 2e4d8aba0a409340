//! How filters and subjects lie to each other.

use super::token::{ANY, REST, has_no_empty_token, tokens};

/// Whether a subject is one of those that a filter stands for. What has an empty token matches nothing.
pub fn matches(filter: &[u8], subject: &[u8]) -> bool {
    if !has_no_empty_token(subject) {
        return false;
    }
    let mut subject = tokens(subject);
    for token in tokens(filter) {
        match subject.next() {
            Some(_) if token == REST => return true,
            Some(found) if token == ANY || token == found => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

/// Whether every subject that `filter` stands for is one of `of` as well.
pub fn is_subset(filter: &[u8], of: &[u8]) -> bool {
    let mut filter = tokens(filter);
    for token in tokens(of) {
        match filter.next() {
            Some(_) if token == REST => return true,
            Some(found) if found != REST && (token == ANY || token == found) => {}
            _ => return false,
        }
    }
    filter.next().is_none()
}

/// Whether there is a subject that both filters stand for.
pub fn overlap(one: &[u8], other: &[u8]) -> bool {
    let (mut one, mut other) = (tokens(one), tokens(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(REST), Some(_)) | (Some(_), Some(REST)) => return true,
            (Some(a), Some(b)) if a == ANY || b == ANY || a == b => {}
            _ => return false,
        }
    }
}
