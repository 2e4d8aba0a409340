//! Stores: one SQLite file a service.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use model::{ServiceName, spec::Service};

use crate::Config;

/// Where a service's store is, if it has one.
pub(crate) fn path(config: &Config, name: &ServiceName, service: &Service) -> Option<PathBuf> {
    let store = service.store.as_ref()?;
    let default = || config.state.join("stores").join(format!("{name}.db"));
    Some(store.path.as_ref().map_or_else(default, |path| config.folder.join(path)))
}

/// Makes the file, if it is not there: an empty database in WAL mode, for the mode is kept in the file.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file.write_all(&empty_wal_database()).and_then(|()| file.sync_all()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// One page: the header (<https://sqlite.org/fileformat2.html> section 1.3) and an empty table leaf (section 1.6).
fn empty_wal_database() -> Vec<u8> {
    const PAGE_BYTES: u16 = 4096;
    const WAL: u8 = 2;
    const UTF8: u32 = 1;
    const SCHEMA_FORMAT: u32 = 4;
    const SQLITE_VERSION: u32 = 3_040_001;
    let mut page = vec![0; usize::from(PAGE_BYTES)];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    page[16..18].copy_from_slice(&PAGE_BYTES.to_be_bytes());
    page[18..24].copy_from_slice(&[WAL, WAL, 0, 64, 32, 32]);
    for (at, value) in [(24, 1_u32), (28, 1), (44, SCHEMA_FORMAT), (56, UTF8), (92, 1), (96, SQLITE_VERSION)] {
        page[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    page[100] = 0x0d;
    page[105..107].copy_from_slice(&PAGE_BYTES.to_be_bytes());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_a_database_in_wal_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/users.db");
        make(&path).unwrap();
        let python = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); \
                      print(c.execute('pragma journal_mode').fetchone()[0], \
                      c.execute('pragma integrity_check').fetchone()[0]); \
                      c.execute('create table t(x)'); c.execute('insert into t values(7)'); c.commit(); \
                      print(c.execute('select x from t').fetchone()[0])";
        let output = std::process::Command::new("python3").args(["-c", python]).arg(&path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "wal ok\n7\n", "{output:?}");
        let before = std::fs::read(&path).unwrap();
        make(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before, "a store is never touched again");
    }
}
