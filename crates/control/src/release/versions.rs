//! Versions of secrets: keyed hashes of their values. Without the key, which stays in the state folder, nobody can try values.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use model::Gather;

use super::Bundle;

/// What versions are made with.
pub(crate) type Key = [u8; blake3::KEY_LEN];

/// The key, made at first use: 32 bytes in a file that only its owner can read.
pub(super) fn key(state: &Path) -> io::Result<Key> {
    let path = state.join("secrets.key");
    match std::fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not 32 bytes")),
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path),
        Err(error) => Err(error),
    }
}

fn make(path: &Path) -> io::Result<Key> {
    let mut key = [0; blake3::KEY_LEN];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut key)?;
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&key)?;
    file.sync_all()?;
    std::fs::rename(fresh, path)?;
    Ok(key)
}

/// The values of secrets, now and before they were last read: for instances of two releases.
#[derive(Default)]
pub(crate) struct Vault {
    key: Key,
    now: BTreeMap<String, String>,
    before: BTreeMap<String, String>,
}

impl Vault {
    pub(super) fn new(key: Key, values: BTreeMap<String, String>) -> Self {
        Self { key, now: values, before: BTreeMap::new() }
    }

    /// From now on these.
    pub(crate) fn take(&mut self, values: BTreeMap<String, String>) {
        if values != self.now {
            self.before = std::mem::replace(&mut self.now, values);
        }
    }

    /// From now on these too, of those that it does not have.
    pub(crate) fn add(&mut self, values: BTreeMap<String, String>) {
        for (name, value) in values {
            self.now.entry(name).or_insert(value);
        }
    }

    /// Whether it has all secrets of a bundle.
    pub(crate) fn has(&self, bundle: &Bundle) -> bool {
        let known = self.of(bundle);
        bundle.spec.secrets.iter().all(|name| known.contains_key(name))
    }

    /// A secret as it is now.
    pub(crate) fn now(&self, name: &str) -> Option<&String> {
        self.now.get(name)
    }

    /// A bundle's secrets in the version that it was made with, or else as they are now: a value is not stored.
    pub(crate) fn of(&self, bundle: &Bundle) -> BTreeMap<String, String> {
        let value = |name: &String| {
            let before =
                self.before.get(name).filter(|value| bundle.secrets.get(name) == Some(&version(value, &self.key)));
            before.or_else(|| self.now.get(name)).cloned()
        };
        bundle.spec.secrets.iter().filter_map(|name| Some((name.clone(), value(name)?))).gather()
    }
}

/// The versions of these secrets, by name; one that is not given has none.
pub(super) fn of(names: &[String], values: &BTreeMap<String, String>, key: &Key) -> BTreeMap<String, String> {
    names.iter().filter_map(|name| Some((name.clone(), version(values.get(name)?, key)))).gather()
}

fn version(value: &str, key: &Key) -> String {
    blake3::keyed_hash(key, value.as_bytes()).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, sync::Arc};

    use model::spec;

    use super::{super::BundleId, *};

    #[test]
    fn a_version_tells_values_apart_and_not_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let first = key(folder.path()).unwrap();
        assert_eq!(key(folder.path()).unwrap(), first, "the key stays");
        let mode = folder.path().join("secrets.key").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let versions =
            |value: &str, key: &Key| of(&["A".into(), "B".into()], &[("A".into(), value.into())].into(), key);
        let one = versions("hunter2", &first);
        assert_eq!(
            (one.len(), one == versions("hunter2", &first), one == versions("hunter3", &first)),
            (1, true, false)
        );
        assert_ne!(one, versions("hunter2", &[0; 32]), "it depends on the key");
        std::fs::write(folder.path().join("secrets.key"), "short").unwrap();
        assert!(key(folder.path()).is_err());
    }

    #[test]
    fn what_is_missing_can_be_added_and_what_is_known_stays() {
        let spec = spec::Service { secrets: vec!["A".into(), "B".into()], ..spec::Service::new("./serve") };
        let (id, folder, spec) = (BundleId(String::new()), "".into(), Arc::new(spec));
        let (env_file, secrets) = Default::default();
        let bundle = Bundle { id, folder, spec, artifact: None, env_file, secrets };
        let values = |a: &str| BTreeMap::from([("A".into(), a.into())]);
        let mut vault = Vault::new(Key::default(), values("1"));
        assert_eq!((vault.has(&bundle), vault.of(&bundle)), (false, values("1")));
        vault.add([("A".into(), "2".into()), ("B".into(), "3".into())].into());
        assert_eq!(
            (vault.has(&bundle), vault.of(&bundle)),
            (true, [("B".into(), "3".into())].into_iter().chain(values("1")).collect())
        );
    }
}
