//! Secrets: from the environment of `isles up`, or from the file `.isles/secrets` of mode 0600.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use manifest::{ONE_A_LINE, variables};
use model::{
    Gather, ServiceName,
    spec::{Nats, Service, System},
    status::Trouble,
};

/// By name.
pub(crate) type Values = BTreeMap<String, String>;

/// Where secrets come from.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// The environment of `isles up`; it wins.
    pub variables: Values,
    /// The file.
    pub file: PathBuf,
}

impl Secrets {
    /// The value of every secret that the system names, and of every password that services have at a NATS server, as it
    /// is now.
    ///
    /// # Errors
    /// When one is not given, or the file cannot be used.
    pub fn read(&self, system: &System) -> Result<Values, Trouble> {
        let nats = system.nats.as_ref();
        if system.services.iter().all(|(name, service)| names(nats, name, service).is_empty()) {
            return Ok(Values::new());
        }
        let in_file = Ok(read_file(&self.file)?);
        let mut values = Values::new();
        for (name, service) in &system.services {
            values.extend(self.pick(nats, name, service, &in_file)?);
        }
        Ok(values)
    }

    /// The same of each service to which all of its own are given.
    pub(crate) fn given(&self, system: &System) -> Values {
        let (nats, in_file) = (system.nats.as_ref(), read_file(&self.file));
        let of = |(name, service)| self.pick(nats, name, service, &in_file).ok();
        system.services.iter().filter_map(of).flatten().gather()
    }

    /// The same of one service.
    pub(crate) fn of(&self, nats: Option<&Nats>, name: &ServiceName, service: &Service) -> Result<Values, Trouble> {
        self.pick(nats, name, service, &read_file(&self.file))
    }

    fn pick(
        &self,
        nats: Option<&Nats>,
        name: &ServiceName,
        service: &Service,
        in_file: &Result<Values, Trouble>,
    ) -> Result<Values, Trouble> {
        let mut values = Values::new();
        for secret in names(nats, name, service) {
            let value = match self.variables.get(&secret) {
                Some(value) => value,
                None => {
                    in_file.as_ref().map_err(Trouble::clone)?.get(&secret).ok_or_else(|| self.missing(name, &secret))?
                }
            };
            values.insert(secret, value.clone());
        }
        check_password(nats, name, service, &values)?;
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
pub(crate) fn env_files(system: &System, folder: &Path) -> Result<BTreeMap<ServiceName, Values>, Trouble> {
    let mut all = BTreeMap::new();
    for (name, service) in &system.services {
        let Some(file) = &service.env_file else { continue };
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let cause = format!("the env_file {} of `{name}` cannot be read: {error}", path.display());
            trouble(cause, "check the path and its permissions")
        })?;
        all.insert(name.clone(), variables(&text).map_err(|line| no_variable(&path, line))?);
    }
    Ok(all)
}

/// Its secrets, and its password at the NATS server.
fn names(nats: Option<&Nats>, name: &ServiceName, service: &Service) -> Vec<String> {
    let password = nats.and_then(|nats| nats.secret(name, service));
    service.secrets.iter().cloned().chain(password).collect()
}

fn check_password(nats: Option<&Nats>, name: &ServiceName, service: &Service, values: &Values) -> Result<(), Trouble> {
    let Some((nats, secret)) = nats.and_then(|nats| Some((nats, nats.secret(name, service)?))) else { return Ok(()) };
    if values.get(&secret).is_some_and(|password| nats.url.for_user(name.as_str(), password).is_ok()) {
        return Ok(());
    }
    let cause = format!("the secret `{secret}`, the password of `{name}` at the NATS server, does not fit into a URL");
    Err(trouble(cause, "make it of letters, digits, `-`, `.`, `_` and `~`"))
}

fn read_file(file: &Path) -> Result<Values, Trouble> {
    let Ok(metadata) = file.metadata() else { return Ok(Values::new()) };
    if metadata.permissions().mode() & 0o077 != 0 {
        let cause = format!("{} can be read by others", file.display());
        return Err(trouble(cause, format!("run: chmod 600 {}", file.display())));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| trouble(format!("{} cannot be read: {error}", file.display()), ""))?;
    variables(&text).map_err(|line| no_variable(file, line))
}

fn no_variable(file: &Path, line: usize) -> Trouble {
    trouble(format!("{}:{line}: not `NAME=value`", file.display()), ONE_A_LINE)
}

fn trouble(cause: String, hint: impl Into<String>) -> Trouble {
    Trouble::new(cause, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_service_lacks_the_others_have() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets");
        let service = |secret: &str| Service { secrets: vec![secret.into()], ..Service::new("./serve") };
        let mut system = System::new("shop".parse().unwrap());
        system.services = ["IN_FILE", "IN_ENV", "GONE"]
            .map(|secret| (secret.to_lowercase().replace('_', "-").parse().unwrap(), service(secret)))
            .into();
        let secrets = Secrets { variables: [("IN_ENV".into(), "2".into())].into(), file: file.clone() };
        let missing = "the secret `GONE` of `gone` is not given";
        let nothing = "can be read by others";
        for (mode, given, why) in [(0o600, &["IN_ENV", "IN_FILE"][..], missing), (0o644, &["IN_ENV"], nothing)] {
            std::fs::write(&file, "IN_FILE=1\nIN_ENV=the environment wins\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let values = secrets.given(&system);
            assert_eq!(
                (values.keys().map(|name| &name[..]).collect::<Vec<_>>(), &values["IN_ENV"][..]),
                (given.to_vec(), "2")
            );
            let gone = secrets.of(None, &"gone".parse().unwrap(), &service("GONE")).unwrap_err();
            for trouble in [gone, secrets.read(&system).unwrap_err()] {
                assert!(trouble.cause.contains(why), "{trouble:?}");
            }
        }
    }
}
