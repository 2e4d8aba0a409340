//! Lines of a log that repeat.

/// Of lines that follow each other and differ in nothing but the time that they tell, as those of an access log do, the last one; and
/// how many they are.
pub(crate) fn runs(lines: &[String]) -> impl Iterator<Item = (&str, usize)> {
    let runs = lines.chunk_by(|line, next| words(line).eq(words(next)));
    runs.filter_map(|run| Some((run.last()?.as_str(), run.len())))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace().filter(|word| !has_time(word) && !is_date(word))
}

/// `00:08:21`, or a word with it such as `2026-11-27T00:08:21.5Z` or `[27/Nov/2026:00:08:21`.
fn has_time(word: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    word.as_bytes().windows(8).any(|time| {
        let mut parts = time.split(|byte| *byte == b':');
        parts.clone().count() == 3 && parts.all(|part| part.len() == 2 && part.iter().all(is_digit))
    })
}

/// `2026-11-27`, or `[27/Nov/2026`.
fn is_date(word: &str) -> bool {
    let parts: Vec<&str> = word.trim_matches(|c: char| !c.is_alphanumeric()).split(['-', '/']).collect();
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match parts[..] {
        [year, month, day] | [day, month, year] if year.len() == 4 && is_number(year) => {
            matches!(day.len(), 1 | 2) && is_number(day) && matches!(month.len(), 1..=3)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[(&str, usize)]) {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(runs(&lines).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn lines_that_are_the_same_are_one() {
        check(&[], &[]);
        check(&["a", "a", "b", "a"], &[("a", 2), ("b", 1), ("a", 1)]);
        check(&["", ""], &[("", 2)]);
    }

    #[test]
    fn when_a_request_came_makes_no_difference() {
        for [first, last] in [
            [
                r#"127.0.0.1 - - [27/Nov/2026 09:08:21] "GET / 503"#,
                r#"127.0.0.1 - - [28/Nov/2026 00:00:00] "GET / 503"#,
            ],
            ["::1 [27/Nov/2026:09:08:21 +0000] GET /", "::1 [27/Nov/2026:09:08:22 +0000] GET /"],
            ["2026-11-27T09:08:21.5Z INFO GET /", "2026-11-27T09:08:22Z INFO GET /"],
            ["2026-11-27 09:08:21,512 GET /", "2026-11-28 09:08:22,001 GET /"],
        ] {
            check(&[first, last], &[(last, 2)]);
        }
    }

    #[test]
    fn all_else_does() {
        for [first, last] in [
            ["GET /orders/7", "GET /orders/8"],
            ["GET /1/2/3", "GET /1/2/4"],
            ["took 12 ms", "took 13 ms"],
            ["listens on 127.0.0.1:20001", "listens on 127.0.0.1:20002"],
            ["08:21 left", "08:22 left"],
            ["GET / 200", "GET / 503"],
        ] {
            check(&[first, last], &[(first, 1), (last, 1)]);
        }
    }
}
