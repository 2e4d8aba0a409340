//! What all workers share: the certificate in force, and how many came in with it.

use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use model::{Timestamp, figures::TlsFigures};
use rustls::{ServerConfig, pki_types::CertificateDer};
use tokio_rustls::TlsAcceptor;

use super::{
    TlsConfig, TlsError, development,
    load::{Loaded, load},
    validity::Validity,
};

/// The gateway's TLS.
pub(crate) struct Door {
    source: TlsConfig,
    /// Held for as long as it takes to copy a pointer, once a connection.
    current: RwLock<Arc<Shown>>,
    watched: Mutex<Watched>,
    pub(super) counts: Counts,
}

/// What clients are shown.
pub(super) struct Shown {
    settings: Arc<ServerConfig>,
    /// `None` for our own: it is for this machine alone, whose services no other server answers for.
    pub(super) certificate: Option<Arc<CertificateDer<'static>>>,
}

/// What is known of the certificate in force.
struct Watched {
    stamps: [Option<Stamp>; 2],
    validity: Option<Validity>,
    /// Why what is in the files now is not in force.
    trouble: Option<String>,
}

/// What changes when a file does: device, inode, length, times of content and inode.
type Stamp = (u64, u64, u64, [i64; 4]);

#[derive(Default)]
pub(super) struct Counts {
    pub(super) handshakes: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) in_the_clear: AtomicU64,
}

impl Door {
    /// Reads the certificate, or makes it.
    pub(crate) fn open(source: TlsConfig, now: Timestamp) -> Result<Self, TlsError> {
        let stamps = stamps(&source);
        let loaded = load(&source, now)?;
        let validity = loaded.validity;
        Ok(Self {
            current: RwLock::new(Shown::new(&source, loaded)),
            source,
            watched: Mutex::new(Watched { stamps, validity, trouble: None }),
            counts: Counts::default(),
        })
    }

    /// What a client is shown now.
    pub(super) fn shown(&self) -> Arc<Shown> {
        self.current.read().expect("no holder of the lock panics").clone()
    }

    /// Puts the certificate into force that is in the files now, if it is another one and usable. Reads files.
    fn check(&self, now: Timestamp) {
        let mut watched = self.watched.lock().expect("no holder of the lock panics");
        let stamps = stamps(&self.source);
        if watched.stamps == stamps && watched.trouble.is_none() && !self.ends_soon(&watched, now) {
            return;
        }
        match load(&self.source, now) {
            Ok(loaded) => {
                let validity = loaded.validity;
                *self.current.write().expect("no holder of the lock panics") = Shown::new(&self.source, loaded);
                *watched = Watched { stamps, validity, trouble: None };
            }
            Err(error) => watched.trouble = Some(format!("{error}; hint: {}", error.hint())),
        }
    }

    /// [`Door::check`] where files may take their time.
    pub(crate) async fn check_aside(self: Arc<Self>, now: Timestamp) {
        let _ = tokio::task::spawn_blocking(move || self.check(now)).await;
    }

    fn ends_soon(&self, watched: &Watched, now: Timestamp) -> bool {
        let ours = matches!(self.source, TlsConfig::Development { .. });
        ours && !watched.validity.is_some_and(|validity| development::is_fresh(validity, now))
    }

    /// What a person should know about the certificate in force, in a sentence.
    pub(crate) fn problem(&self, now: Timestamp) -> Option<String> {
        let watched = self.watched.lock().expect("no holder of the lock panics");
        if let Some(trouble) = &watched.trouble {
            return Some(format!("the gateway still shows its earlier certificate: {trouble}"));
        }
        let Validity { begins, ends } = watched.validity?;
        if ends < now {
            let ago = model::format_duration(whole_minutes(now.since(ends)));
            return Some(format!("the gateway's certificate has ended {ago} ago: clients refuse it"));
        }
        (now < begins).then(|| {
            let ahead = model::format_duration(whole_minutes(begins.since(now)));
            format!("the gateway's certificate begins in {ahead}: clients refuse it until then")
        })
    }

    pub(crate) fn figures(&self) -> TlsFigures {
        let Counts { handshakes, resumed, failed, in_the_clear } = &self.counts;
        TlsFigures {
            handshakes: handshakes.load(Relaxed),
            resumed: resumed.load(Relaxed),
            failed: failed.load(Relaxed),
            in_the_clear: in_the_clear.load(Relaxed),
        }
    }
}

impl Shown {
    fn new(source: &TlsConfig, loaded: Loaded) -> Arc<Self> {
        let is_ours = matches!(source, TlsConfig::Development { .. });
        let certificate = (!is_ours).then(|| Arc::new(loaded.certificate));
        Arc::new(Self { settings: Arc::new(loaded.settings), certificate })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.settings.clone().into()
    }
}

fn stamps(source: &TlsConfig) -> [Option<Stamp>; 2] {
    match source {
        TlsConfig::Files { certificate, key } => [certificate, key].map(|path| stamp(path)),
        // Nobody but us changes them.
        TlsConfig::Development { .. } => [None; 2],
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = path.metadata().ok()?;
    Some((file.dev(), file.ino(), file.len(), [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()]))
}

fn whole_minutes(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() / 60 * 60)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// 2026-01-01.
    const BEGIN: Timestamp = Timestamp(1_767_225_600_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    /// A certificate for a day and its key.
    fn pair() -> (String, String) {
        let mut params = CertificateParams::new(["a".into()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 1, 2));
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn certificates_that_are_not_valid_now_are_shown_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("a.crt"), folder.path().join("a.key"));
        let (first, second) = pair();
        fs::write(&certificate, first).unwrap();
        fs::write(&key, second).unwrap();
        let door = Door::open(TlsConfig::Files { certificate, key }, BEGIN).unwrap();
        let half = DAY / 2;
        for (now, expected) in [
            (BEGIN - half, Some("begins in 12h: ")),
            (BEGIN + half, None),
            (BEGIN + DAY + half, Some("has ended 12h ago: ")),
        ] {
            let problem = door.problem(now);
            assert_eq!(problem.is_some(), expected.is_some());
            assert!(
                expected.is_none_or(|part| problem.as_ref().is_some_and(|text| text.contains(part))),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn changed_files_are_taken_when_they_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("a.crt"), folder.path().join("a.key"));
        let (old, new) = (pair(), pair());
        let write = |certificate_is: &str, key_is: &str| {
            fs::write(&certificate, certificate_is).unwrap();
            fs::write(&key, key_is).unwrap();
        };
        write(&old.0, &old.1);
        let door = Door::open(TlsConfig::Files { certificate: certificate.clone(), key: key.clone() }, BEGIN).unwrap();
        let current = || Arc::as_ptr(&door.current.read().unwrap());
        for (certificate_is, key_is, changes, trouble) in [
            (&*old.0, &*old.1, true, None),
            (&new.0, &old.1, false, Some("a.key is not that of the certificate")),
            (&new.0, &new.1, true, None),
            ("", &new.1, false, Some("a.crt holds no certificate")),
            (&new.0, &new.1, true, None),
        ] {
            let before = current();
            write(certificate_is, key_is);
            door.check(BEGIN);
            assert_eq!(current() != before, changes, "{trouble:?}");
            let problem = door.problem(BEGIN);
            assert_eq!(problem.is_some(), trouble.is_some(), "{problem:?}");
            assert!(trouble.is_none_or(|part| problem.is_some_and(|text| text.contains(part))));
        }
        let before = current();
        door.check(BEGIN);
        assert_eq!(current(), before, "nothing changed");
    }

    #[test]
    fn our_own_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let door = Door::open(TlsConfig::Development { folder: folder.path().into() }, BEGIN).unwrap();
        let current = || Arc::as_ptr(&door.current.read().unwrap());
        let first = current();
        door.check(BEGIN + DAY * 365);
        assert_eq!(current(), first);
        door.check(BEGIN + DAY * 370);
        assert_ne!(current(), first);
    }
}
