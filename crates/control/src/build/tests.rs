//! What a build leaves behind, on a real file system; processes are run by the tests of the whole binary.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use model::spec::{Service, Store, StoreEngine, System};

use super::{Job, keep, take};
use crate::Config;

pub(super) fn service(dir: Option<&str>) -> Service {
    let store = Store { engine: StoreEngine::Sqlite, path: Some("data/users.db".into()) };
    Service { dir: dir.map(Into::into), build: Some("make".into()), store: Some(store), ..Service::new("./serve") }
}

pub(super) fn config(folder: &Path, service: &Service) -> Config {
    let services = BTreeMap::from([("users".parse().unwrap(), service.clone())]);
    Config {
        system: System { services, ..System::new("shop".parse().unwrap()) },
        folder: folder.into(),
        state: folder.join(".isles"),
        sockets: folder.join(".isles/run"),
        host_env: BTreeMap::new(),
        secrets: Default::default(),
        manifest: folder.join("isles.toml"),
        text: String::new(),
        recorded: None,
        ran_before: false,
        connection_port: 7000,
        keeper_pid: 1,
        up_since: None,
        platform_pid: 2,
        resumed: false,
        builds_at_once: 1,
        seed: 1,
    }
}

#[test]
fn only_the_artifact_stays_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(".isles");
    let root = state.join("builds/users/abc");
    let inside = root.join("users");
    fs::create_dir_all(inside.join("src")).unwrap();
    let mut spec = service(Some("users"));
    (spec.cache, spec.artifact) = (vec!["target".into()], vec!["target/release/users".into(), "static".into()]);
    keep::link_caches(&state, &spec, &inside).unwrap();
    fs::create_dir_all(inside.join("target/release")).unwrap();
    fs::write(inside.join("target/release/users"), "binary").unwrap();
    let missing = keep::only_artifact(&spec, &root, &inside).unwrap_err();
    assert_eq!(missing.to_string(), "the build did not make `static`");
    fs::create_dir(inside.join("static")).unwrap();
    fs::write(inside.join("static/a.css"), "css").unwrap();
    keep::only_artifact(&spec, &root, &inside).unwrap();
    assert_eq!(fs::read_to_string(inside.join("target/release/users")).unwrap(), "binary");
    assert_eq!(fs::read_to_string(inside.join("static/a.css")).unwrap(), "css");
    assert!(!inside.join("src").exists(), "sources are not kept");
    assert!(!inside.join("target").is_symlink(), "what is kept is not in the shared cache");
    let again = state.join("builds/users/def/users");
    fs::create_dir_all(&again).unwrap();
    keep::link_caches(&state, &spec, &again).unwrap();
    assert!(again.join("target/release/users").exists(), "the cache is shared with the next build");
}

#[test]
fn what_is_copied_is_what_the_folder_is_named_by() {
    let folder = tempfile::tempdir().unwrap();
    let spec = service(None);
    let config = config(folder.path(), &spec);
    let system = Arc::new(config.system.clone());
    let job = Job { name: "users".parse().unwrap(), spec: Arc::new(spec), system, env_file: BTreeMap::new() };
    let write = |text| fs::write(folder.path().join("main"), text).unwrap();
    write("2");
    let [second, first] = [job.inputs(&config).unwrap(), {
        write("1");
        job.inputs(&config).unwrap()
    }];

    write("2");
    let (hash, place) = take::inputs(&config, &job, first).unwrap();
    assert_eq!(hash, second.hash, "it changed after it was hashed");
    let root = place.unwrap().root;
    assert!(root.ends_with(&hash) && fs::read_to_string(root.join("main")).unwrap() == "2");

    super::mark_whole(&root).unwrap();
    write("1");
    let first = job.inputs(&config).unwrap();
    write("2");
    let (hash, place) = take::inputs(&config, &job, first).unwrap();
    assert!(hash == second.hash && place.is_none(), "a whole build is not touched");

    fs::write(folder.path().join("gone"), "").unwrap();
    let both = job.inputs(&config).unwrap();
    fs::remove_file(folder.path().join("gone")).unwrap();
    assert_eq!(take::inputs(&config, &job, both).unwrap().0, second.hash, "one was removed");
}

#[test]
fn old_builds_go() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(format!("{name}.done")), "").unwrap();
    }
    keep::prune(folder.path(), &BTreeSet::from(["a".to_owned()]), 1).unwrap();
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert!(left.len() == 4 && left[0] == "a" && left[1] == "a.done", "{left:?}");
}
