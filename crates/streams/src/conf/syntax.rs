//! The syntax: keys with values, which are texts, lists and maps. Separators, commas and quotes are optional, `#` and `//` begin
//! comments, `$name` stands for a value given before or a variable of the environment, `include` for another file.

use std::{path::Path, rc::Rc};

use super::{
    Source,
    error::{ConfError, Place},
    value::{Entry, Item, Value},
};

/// How deep maps, lists and files may lie in each other.
const DEPTH_MAX: usize = 32;

/// Reads a file and what it includes.
pub(super) fn parse(file: &Path, source: &Source<'_>) -> Result<Vec<Entry>, ConfError> {
    let mut scopes = vec![Vec::new()];
    let start = Place { file: file.to_string_lossy().into(), line: 0 };
    file_into(&mut scopes, file, source, &start, 0)?;
    Ok(scopes.pop().unwrap_or_default())
}

fn file_into(
    scopes: &mut Vec<Vec<Entry>>,
    file: &Path,
    source: &Source<'_>,
    from: &Place,
    depth: usize,
) -> Result<(), ConfError> {
    let text = (source.read)(file).map_err(|error| {
        let cause = format!("cannot read {}: {error}", file.display());
        ConfError::new(from, cause, "check the path, and that whoever runs the server may read it")
    })?;
    let place = Place { file: file.to_string_lossy().into(), line: 1 };
    let mut parser = Parser { source, rest: &text, place, path: "".into(), scopes, depth };
    parser.entries(file, None)
}

struct Parser<'a> {
    source: &'a Source<'a>,
    rest: &'a str,
    place: Place,
    /// The names of the maps around, each with a dot behind it.
    path: Rc<str>,
    /// The maps around, the innermost last: where variables are looked for.
    scopes: &'a mut Vec<Vec<Entry>>,
    depth: usize,
}

impl Parser<'_> {
    /// Reads keys and values up to the end of the map that began there, or of the file.
    fn entries(&mut self, file: &Path, begun: Option<&Place>) -> Result<(), ConfError> {
        loop {
            self.skip(|c| c.is_whitespace() || c == ',' || c == ';');
            match (self.rest.chars().next(), begun) {
                (None, None) => return Ok(()),
                (None, Some(begun)) => return Err(ConfError::new(begun, "`{` is not closed", "add `}`")),
                (Some('}'), Some(_)) => {
                    self.take(1);
                    return Ok(());
                }
                (Some(_), _) => self.entry(file)?,
            }
        }
    }

    fn entry(&mut self, file: &Path) -> Result<(), ConfError> {
        let place = self.place.clone();
        let is_quoted = self.rest.starts_with(['"', '\'']);
        let key = if is_quoted { self.quoted()? } else { self.bare(&[':', '=', '{', '[', '}', ']']) };
        if key.is_empty() {
            let found = self.rest.chars().next().unwrap_or_default();
            return Err(ConfError::new(&place, format!("a key is expected, not `{found}`"), "write `key: value`"));
        }
        self.skip(char::is_whitespace);
        if self.rest.starts_with([':', '=']) {
            self.take(1);
            self.skip(char::is_whitespace);
        }
        if key == "include" && !is_quoted {
            return self.include(file, &place);
        }
        let name = format!("{}{key}", self.path);
        let item = self.item(file, &name, place)?;
        let scope = self.scopes.last_mut().expect("there is the outermost one");
        if scope.iter().any(|entry| entry.key == key) {
            return Err(ConfError::new(&item.place, format!("`{name}` is given twice"), "keep one of them"));
        }
        scope.push(Entry { key, item, is_variable: false });
        Ok(())
    }

    fn include(&mut self, file: &Path, place: &Place) -> Result<(), ConfError> {
        self.check_depth(place)?;
        let path = if self.rest.starts_with(['"', '\'']) { self.quoted()? } else { self.bare(&['}']) };
        let path = file.parent().unwrap_or(Path::new("")).join(path);
        file_into(self.scopes, &path, self.source, place, self.depth + 1)
    }

    fn item(&mut self, file: &Path, name: &str, place: Place) -> Result<Item, ConfError> {
        let item = |value| Item { name: name.into(), place: place.clone(), value };
        match self.rest.chars().next() {
            Some('{') => self.map(file, name).map(|entries| item(Value::Map(entries))),
            Some('[') => self.list(file, name).map(|items| item(Value::List(items))),
            Some('"' | '\'') => self.quoted().map(|text| item(Value::Text(text))),
            Some('(') => Err(ConfError::new(&place, format!("`{name}`: there are no blocks"), "write it in quotes")),
            _ => {
                let text = self.bare(&['}', ']']);
                match text.strip_prefix('$') {
                    // The hash of a password.
                    Some(rest) if !rest.starts_with("2a$") && !rest.starts_with("2b$") => {
                        self.variable(rest, &place).map(item)
                    }
                    _ if text.is_empty() => {
                        Err(ConfError::new(&place, format!("`{name}` has no value"), "write `key: value`"))
                    }
                    _ => Ok(item(Value::Text(text))),
                }
            }
        }
    }

    fn map(&mut self, file: &Path, name: &str) -> Result<Vec<Entry>, ConfError> {
        let begun = self.place.clone();
        self.check_depth(&begun)?;
        self.take(1);
        let outer = std::mem::replace(&mut self.path, format!("{name}.").into());
        self.depth += 1;
        self.scopes.push(Vec::new());
        self.entries(file, Some(&begun))?;
        self.depth -= 1;
        self.path = outer;
        Ok(self.scopes.pop().unwrap_or_default())
    }

    fn list(&mut self, file: &Path, name: &str) -> Result<Vec<Item>, ConfError> {
        let (begun, mut items) = (self.place.clone(), Vec::new());
        self.check_depth(&begun)?;
        self.take(1);
        self.depth += 1;
        loop {
            self.skip(|c| c.is_whitespace() || c == ',');
            match self.rest.chars().next() {
                None => return Err(ConfError::new(&begun, "`[` is not closed", "add `]`")),
                Some(']') => break,
                Some(_) => items.push(self.item(file, name, self.place.clone())?),
            }
        }
        self.take(1);
        self.depth -= 1;
        Ok(items)
    }

    /// The value of a key given before, the nearest one, or of the environment.
    fn variable(&mut self, name: &str, place: &Place) -> Result<Value, ConfError> {
        for scope in self.scopes.iter_mut().rev() {
            if let Some(entry) = scope.iter_mut().find(|entry| entry.key == name) {
                entry.is_variable = true;
                return Ok(entry.item.value.clone());
            }
        }
        (self.source.variable)(name).map(Value::Text).ok_or_else(|| {
            let hint = "give it before it is used, or in the environment";
            ConfError::new(place, format!("the variable `${name}` is not known"), hint)
        })
    }

    /// What stands in quotes: within `"` with escapes, within `'` as it is.
    fn quoted(&mut self) -> Result<String, ConfError> {
        let begun = self.place.clone();
        let quote = self.rest.chars().next().unwrap_or('"');
        self.take(1);
        let mut text = String::new();
        loop {
            match self.next() {
                Some(c) if c == quote => return Ok(text),
                Some('\\') if quote == '"' => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some(c @ ('"' | '\\')) => text.push(c),
                    _ => {
                        return Err(ConfError::new(
                            &begun,
                            "there is no such escape",
                            "there are \\n \\r \\t \\\" \\\\",
                        ));
                    }
                },
                Some('\n') | None => {
                    return Err(ConfError::new(&begun, format!("`{quote}` is not closed"), format!("add `{quote}`")));
                }
                Some(c) => text.push(c),
            }
        }
    }

    /// What stands without quotes, up to a blank, a comma or one of these.
    fn bare(&mut self, ends: &[char]) -> String {
        let is_end = |c: char| c.is_whitespace() || c == ',' || c == ';' || ends.contains(&c);
        let length = self.rest.find(is_end).unwrap_or(self.rest.len());
        self.take(length)
    }

    /// Passes over comments, and over what is to be skipped.
    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        loop {
            let blank = self.rest.find(|c| !is_skipped(c)).unwrap_or(self.rest.len());
            self.take(blank);
            if !self.rest.starts_with('#') && !self.rest.starts_with("//") {
                return;
            }
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.take(next.len_utf8());
        Some(next)
    }

    fn take(&mut self, length: usize) -> String {
        let (taken, rest) = self.rest.split_at(length);
        self.place.line += u32::try_from(taken.matches('\n').count()).unwrap_or(0);
        self.rest = rest;
        taken.into()
    }

    fn check_depth(&self, place: &Place) -> Result<(), ConfError> {
        if self.depth < DEPTH_MAX {
            return Ok(());
        }
        Err(ConfError::new(
            place,
            "too much lies in each other",
            format!("at most {DEPTH_MAX} maps, lists and files may"),
        ))
    }
}
