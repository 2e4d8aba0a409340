//! What is asked behind the `?` of a path.

/// The parameters of a request.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a>(pub(super) &'a str);

impl<'a> Query<'a> {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Whether a parameter is given as `1` or `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// How many to pass over, and how many to tell of: `offset` and `limit`, at most `max`.
    pub fn range(&self, max: usize) -> (usize, usize) {
        let number = |name| self.get(name).and_then(|value| value.parse().ok());
        (number("offset").unwrap_or(0), number("limit").filter(|limit| *limit > 0).unwrap_or(max).min(max))
    }

    /// A parameter that is none of these.
    pub(super) fn unknown(&self, known: &[&str]) -> Option<&'a str> {
        self.pairs().map(|(key, _)| key).find(|key| !known.contains(key))
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.0.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "1")))
    }
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn parameters() {
        let query = Query("streams=true&limit=5&offset=2&config&subs=0");
        assert!(query.is_true("streams") && query.is_true("config"));
        assert!(!query.is_true("subs") && !query.is_true("accounts"));
        assert_eq!((query.range(10), query.range(3), Query("limit=x").range(3)), ((2, 5), (2, 3), (0, 3)));
        assert_eq!((query.unknown(&["streams", "limit"]), Query("").unknown(&[])), (Some("offset"), None));
    }
}
