//! Secrets: from the environment of `isles up`, or from the file `.isles/secrets` of mode 0600.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use model::{
    ServiceName,
    spec::{Service, System},
    status::Trouble,
};

/// Where secrets come from.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// The environment of `isles up`; it wins.
    pub variables: BTreeMap<String, String>,
    /// The file.
    pub file: PathBuf,
}

impl Secrets {
    /// The value of every secret that the system names, and of every password that services have at a NATS server, as it
    /// is now.
    ///
    /// # Errors
    /// When one is not given, or the file cannot be used.
    pub fn read(&self, system: &System) -> Result<BTreeMap<String, String>, Trouble> {
        let names = names(system);
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let in_file = read_file(&self.file)?;
        let mut values = BTreeMap::new();
        for (service, name) in names {
            let given = self.variables.get(&name).or_else(|| in_file.get(&name));
            let value = given.ok_or_else(|| self.missing(service, &name))?;
            values.insert(name, value.clone());
        }
        check_passwords(system, &values)?;
        Ok(values)
    }

    fn missing(&self, service: &ServiceName, name: &str) -> Trouble {
        let cause = format!("the secret `{name}` of `{service}` is not given");
        let file = self.file.display();
        trouble(cause, format!("set it in the environment of `isles up`, or write {name}=… into {file}"))
    }
}

/// The variables of every `env_file`. `folder` is the manifest's.
///
/// # Errors
/// When one cannot be read or has a line that is none.
pub fn env_files(system: &System, folder: &Path) -> Result<BTreeMap<ServiceName, BTreeMap<String, String>>, Trouble> {
    let mut all = BTreeMap::new();
    for (name, service) in &system.services {
        let Some(file) = &service.env_file else { continue };
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let cause = format!("the env_file {} of `{name}` cannot be read: {error}", path.display());
            trouble(cause, "check the path and its permissions")
        })?;
        all.insert(name.clone(), parse(&text).map_err(|line| no_variable(&path, line))?);
    }
    Ok(all)
}

fn names(system: &System) -> Vec<(&ServiceName, String)> {
    let own = |(name, service): (_, &Service)| service.secrets.iter().map(|secret| (name, secret.clone())).collect();
    let mut names: Vec<_> = system.services.iter().flat_map::<Vec<_>, _>(own).collect();
    names.extend(passwords(system));
    names
}

/// Whose password at the NATS server which secret is.
fn passwords(system: &System) -> impl Iterator<Item = (&ServiceName, String)> {
    let all = system.nats.iter().flat_map(|nats| system.services.iter().map(move |found| (nats, found)));
    all.filter_map(|(nats, (name, service))| Some((name, nats.secret(name, service)?)))
}

fn check_passwords(system: &System, values: &BTreeMap<String, String>) -> Result<(), Trouble> {
    let Some(nats) = &system.nats else { return Ok(()) };
    let fits = |(service, secret): &(&ServiceName, String)| {
        values.get(secret).is_some_and(|password| nats.url.for_user(service.as_str(), password).is_ok())
    };
    passwords(system).find(|found| !fits(found)).map_or(Ok(()), |(service, secret)| {
        let cause =
            format!("the secret `{secret}`, the password of `{service}` at the NATS server, does not fit into a URL");
        Err(trouble(cause, "make it of letters, digits, `-`, `.`, `_` and `~`"))
    })
}

fn read_file(file: &Path) -> Result<BTreeMap<String, String>, Trouble> {
    let Ok(metadata) = file.metadata() else { return Ok(BTreeMap::new()) };
    if metadata.permissions().mode() & 0o077 != 0 {
        let cause = format!("{} can be read by others", file.display());
        return Err(trouble(cause, format!("run: chmod 600 {}", file.display())));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| trouble(format!("{} cannot be read: {error}", file.display()), ""))?;
    parse(&text).map_err(|line| no_variable(file, line))
}

fn no_variable(file: &Path, line: usize) -> Trouble {
    trouble(format!("{}:{line}: not `NAME=value`", file.display()), "write one variable a line")
}

fn trouble(cause: String, hint: impl Into<String>) -> Trouble {
    Trouble::new(cause, hint)
}

/// `NAME=value` a line; empty lines and lines that begin with `#` are passed over. The error is the line's number.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut values = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(number + 1)?;
        let name = name.trim().trim_start_matches("export ").trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(number + 1);
        }
        values.insert(name.to_owned(), unquote(value.trim()).to_owned());
    }
    Ok(values)
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
        let text = "# comment\n\nA=1\nexport B = two words \nC=\"quoted\"\nD='a=b'\nE=\n";
        let parsed = parse(text).unwrap();
        let seen: Vec<_> = parsed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(seen, [("A", "1"), ("B", "two words"), ("C", "quoted"), ("D", "a=b"), ("E", "")]);
        for (text, line) in [("A=1\nnonsense", 2), ("=x", 1), ("A B=x", 1)] {
            assert_eq!(parse(text), Err(line), "{text}");
        }
    }
}
