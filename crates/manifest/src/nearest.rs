//! What a misspelt word was probably meant to be.

/// The candidate nearest to `word`, if it is near enough to be a slip of the fingers.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = |candidate: &str| {
        let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
        let prefix = word.len() >= 3 && (candidate.starts_with(&word) || word.starts_with(candidate));
        (distance <= 1.max(word.chars().count() / 3) || prefix).then_some(distance)
    };
    // A long word is no slip, and the distance costs time by the square.
    let candidates = candidates.into_iter().filter(|_| word.len() <= 100);
    candidates.filter_map(|candidate| Some((near(candidate)?, candidate))).min().map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_only() {
        for (word, expected) in [
            ("buld", Some("build")),
            ("biuld", Some("build")),
            ("BUILD", Some("build")),
            ("replica", Some("replicas")),
            ("env_files", Some("env_file")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, ["build", "replicas", "env", "env_file"]), expected, "{word}");
        }
    }
}
