//! Files of variables: each `env_file`, and `.isles/secrets`.

use std::collections::BTreeMap;

/// What helps where a line is no variable.
pub const ONE_A_LINE: &str =
    "write one variable a line, with a name of letters, digits and `_` that does not begin with a digit";

/// The variables of a file, `NAME=value` a line. Empty lines, lines that begin with `#` and a byte order mark are passed over, `export`
/// before the name and quotes around the value are taken off.
///
/// # Errors
/// The number of the first line, from 1, that is none. What stands there is not told: it may be secret.
pub fn variables(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut values = BTreeMap::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(index + 1)?;
        let name = name.trim().trim_start_matches("export ").trim();
        if !is_name(name) {
            return Err(index + 1);
        }
        values.insert(name.to_owned(), unquote(value.trim()).to_owned());
    }
    Ok(values)
}

/// Whether a shell takes it for the name of a variable, and passes it on.
pub(crate) fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().next().is_some_and(|b| !b.is_ascii_digit()) && text.bytes().all(good)
}

fn unquote(value: &str) -> &str {
    let quoted = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_variables() {
        let text = "\u{feff}A=1\n# comment\n\nexport B = two words \nC=\"quoted\"\nD='a=b'\n_e2=\n";
        let parsed = variables(text).unwrap();
        let seen: Vec<_> = parsed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(seen, [("A", "1"), ("B", "two words"), ("C", "quoted"), ("D", "a=b"), ("_e2", "")]);
        let bad = ["A=1\nnonsense", "A=1\n=x", "\nA B=x", "\nB-C=x", "\n2A=x", "\n\u{e4}=x", "\n\u{feff}A=x"];
        for text in bad {
            assert_eq!(variables(text), Err(2), "{text}");
        }
    }
}
