//! The inputs of a build: which files, and their hash.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use globset::{Glob, GlobSet, GlobSetBuilder};
use ignore::WalkBuilder;
use model::{
    Gather,
    spec::{Service, System},
};

use crate::Config;

/// Raised when the meaning of the hash changes, so that everything is built anew.
const HASH_VERSION: &str = "isles build 1";

/// What a build is made of.
pub(crate) struct Inputs {
    /// Files and symbolic links, relative to the manifest's folder.
    pub(crate) files: BTreeSet<PathBuf>,
    /// BLAKE3 of the files, and of the command and its environment if there is one: 32 hexadecimal digits of it.
    pub(crate) hash: String,
}

impl Inputs {
    /// Whether a copy of the files is what was collected.
    pub(super) fn lie_in(&self, root: &Path, service: &Service, env: &BTreeMap<String, String>) -> io::Result<bool> {
        Ok(hash(root, service, env, &self.files)? == self.hash)
    }
}

/// The files that git tracks or would track under `dir`, and what `inputs` names; without `build`, the artifact.
pub(crate) fn collect(
    config: &Config,
    system: &System,
    service: &Service,
    env: &BTreeMap<String, String>,
) -> io::Result<Inputs> {
    let root = &config.folder;
    let dir = service.dir.clone().unwrap_or_default();
    let files = if service.build.is_some() {
        sources(config, system, service, &dir)?
    } else {
        given(root, &dir, service, &never(config, system).gather())?
    };
    let hash = hash(root, service, env, &files)?;
    Ok(Inputs { files, hash })
}

fn sources(config: &Config, system: &System, service: &Service, dir: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let root = &config.folder;
    let made = service.artifact.iter().chain(&service.cache).map(|path| dir.join(path));
    let kept_out = made.chain(never(config, system)).gather();
    let mut files = walk(root, &root.join(dir), true, &kept_out, |_| true)?;
    if !service.inputs.is_empty() {
        let globs = globs(&service.inputs)?;
        files.extend(walk(root, root, false, &kept_out, |path| globs.is_match(path))?);
    }
    Ok(files)
}

/// The files of an artifact that somebody else has made.
fn given(root: &Path, dir: &Path, service: &Service, kept_out: &BTreeSet<PathBuf>) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for path in &service.artifact {
        let from = root.join(dir).join(path);
        if !from.exists() {
            let cause = format!("there is no `{}`, which `artifact` names", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, cause));
        }
        files.extend(walk(root, &from, false, kept_out, |_| true)?);
    }
    Ok(files)
}

/// What is never an input: the state folder, the stores, and the manifest, whose own keys count.
fn never(config: &Config, system: &System) -> impl Iterator<Item = PathBuf> {
    let stores = system.services.values().filter_map(|s| s.store.as_ref()?.path.clone());
    let stores = stores.flat_map(|path| {
        ["", "-wal", "-shm", "-journal"].map(|end| {
            let mut name = path.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        })
    });
    let state = config.state.strip_prefix(&config.folder).map(Path::to_path_buf);
    stores.chain(state).chain([".isles", ".git", "isles.toml"].map(PathBuf::from))
}

fn walk(
    root: &Path,
    from: &Path,
    as_git: bool,
    kept_out: &BTreeSet<PathBuf>,
    wanted: impl Fn(&Path) -> bool,
) -> io::Result<BTreeSet<PathBuf>> {
    let (base, out) = (root.to_path_buf(), kept_out.clone());
    let mut walk = WalkBuilder::new(from);
    walk.standard_filters(false).hidden(false).git_ignore(as_git).git_exclude(as_git).parents(as_git);
    walk.require_git(false).follow_links(false);
    walk.filter_entry(move |entry| {
        entry.file_name() != ".git" && entry.path().strip_prefix(&base).is_ok_and(|path| !out.contains(path))
    });
    let mut files = BTreeSet::new();
    for entry in walk.build() {
        let entry = entry.map_err(io::Error::other)?;
        let kind = entry.file_type().filter(|kind| kind.is_file() || kind.is_symlink());
        if let (Some(_), Ok(path)) = (kind, entry.path().strip_prefix(root))
            && wanted(path)
        {
            files.insert(path.to_path_buf());
        }
    }
    Ok(files)
}

fn globs(patterns: &[String]) -> io::Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(io::Error::other)?);
    }
    set.build().map_err(io::Error::other)
}

fn hash(
    root: &Path,
    service: &Service,
    env: &BTreeMap<String, String>,
    files: &BTreeSet<PathBuf>,
) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(HASH_VERSION.as_bytes());
    part(service.build.as_deref().unwrap_or_default().as_bytes());
    part(format!("{:?} {:?} {:?}", service.dir, service.artifact, service.cache).as_bytes());
    // Without a build nothing has seen them.
    for (name, value) in env.iter().filter(|_| service.build.is_some()) {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    for path in files {
        part(path.as_os_str().as_bytes());
        part(&content_hash(&root.join(path))?);
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

fn content_hash(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Ok([b"link ", std::fs::read_link(path)?.as_os_str().as_bytes()].concat());
    }
    let executable = metadata.permissions().mode() & 0o111 != 0;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[u8::from(executable)]);
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().as_bytes().to_vec()),
            count => hasher.update(&buffer[..count]),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::tests::{config, service};

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    fn names(inputs: &Inputs) -> Vec<&str> {
        inputs.files.iter().map(|path| path.to_str().unwrap()).collect()
    }

    #[test]
    fn takes_what_git_would_track_and_what_inputs_name() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[
                (".gitignore", "*.log\n/generated\n"),
                ("isles.toml", "no"),
                ("users/main.py", "a"),
                ("users/.hidden", "b"),
                ("users/x.log", "ignored"),
                ("users/out/bin", "made"),
                ("proto/a.proto", "c"),
                ("proto/b.txt", "no"),
                ("generated/c.proto", "asked for"),
                (".isles/state", "no"),
                (".git/config", "no"),
                ("data/users.db-wal", "no"),
            ],
        );
        let mut spec = service(Some("users"));
        spec.artifact = vec!["out".into()];
        spec.inputs = vec!["**/*.proto".into()];
        let config = config(folder.path(), &spec);
        let inputs = collect(&config, &config.system, &spec, &BTreeMap::new()).unwrap();
        assert_eq!(names(&inputs), ["generated/c.proto", "proto/a.proto", "users/.hidden", "users/main.py"]);

        let mut whole = service(None);
        whole.artifact = vec!["users/out".into()];
        let inputs = collect(&config, &config.system, &whole, &BTreeMap::new()).unwrap();
        assert_eq!(names(&inputs), [".gitignore", "proto/a.proto", "proto/b.txt", "users/.hidden", "users/main.py"]);

        let mut made = Service { build: None, artifact: vec!["x.log".into(), "out".into()], ..spec };
        let inputs = collect(&config, &config.system, &made, &BTreeMap::new()).unwrap();
        assert_eq!(names(&inputs), ["users/out/bin", "users/x.log"], "what is not built is taken as it is");
        made.artifact.push("nowhere".into());
        let error = collect(&config, &config.system, &made, &BTreeMap::new()).err().unwrap();
        assert_eq!(error.to_string(), "there is no `nowhere`, which `artifact` names");
    }

    #[test]
    fn every_part_counts_in_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("a", "1"), ("b", "2")]);
        let hash_of = |spec: &Service, env: &[(&str, &str)]| {
            let env = env.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            let config = config(folder.path(), spec);
            collect(&config, &config.system, spec, &env).unwrap().hash
        };
        let spec = service(None);
        let first = hash_of(&spec, &[]);
        assert_eq!(hash_of(&spec, &[]), first);
        let mut seen = BTreeSet::from([first.clone()]);
        assert!(seen.insert(hash_of(&spec, &[("A", "1")])));
        assert!(seen.insert(hash_of(&Service { build: Some("other".into()), ..spec.clone() }, &[])));
        let given = Service { build: None, artifact: vec!["a".into()], ..spec.clone() };
        assert!(seen.insert(hash_of(&given, &[])));
        assert_eq!(hash_of(&given, &[("A", "1")]), hash_of(&given, &[]), "nothing is built in it");
        write(folder.path(), &[("a", "2")]);
        assert!(seen.insert(hash_of(&spec, &[])));
        std::fs::set_permissions(folder.path().join("a"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(seen.insert(hash_of(&spec, &[])));
        std::os::unix::fs::symlink("a", folder.path().join("c")).unwrap();
        assert!(seen.insert(hash_of(&spec, &[])));
        std::fs::remove_file(folder.path().join("c")).unwrap();
        write(folder.path(), &[("a", "1")]);
        std::fs::set_permissions(folder.path().join("a"), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(hash_of(&spec, &[]), first);
    }
}
