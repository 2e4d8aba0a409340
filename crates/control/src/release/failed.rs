//! Why a release could not be made or restored.

use std::io::ErrorKind;

use model::{Problem, ServiceName, status::Trouble};

use super::{ReleaseError, StoreError};
use crate::build::BuildError;

/// Why a release could not be made or restored. What runs is as it was.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    status: u16,
    /// The reason code.
    reason: &'static str,
    title: &'static str,
    /// The service whose fault it is.
    pub(crate) service: Option<ServiceName>,
    pub(crate) trouble: Trouble,
}

impl Failed {
    pub(crate) fn new(status: u16, reason: &'static str, title: &'static str, cause: String, hint: &str) -> Self {
        Self { status, reason, title, service: None, trouble: Trouble { cause, hint: hint.into(), log: Vec::new() } }
    }

    pub(super) fn build(service: &ServiceName, error: BuildError) -> Self {
        let trouble = match error {
            BuildError::Failed(trouble) => trouble,
            BuildError::DiskFull(error) => return error.into(),
        };
        let service = Some(service.clone());
        Self { status: 422, reason: "build-failed", title: "a service could not be built", service, trouble }
    }

    /// The manifest, an `env_file` or a secret is not what it must be.
    pub(super) fn manifest(trouble: Trouble) -> Self {
        let title = "the manifest, or what it names, has errors";
        Self { status: 422, reason: "manifest-invalid", title, service: None, trouble }
    }

    pub(super) fn not_restorable(service: &ServiceName, cause: String) -> Self {
        let hint = "name the files that it runs with in `artifact`: then they are stored with each release";
        let title = "a service cannot be restored";
        Self { service: Some(service.clone()), ..Self::new(422, "not-restorable", title, cause, hint) }
    }

    pub(super) fn unknown_release(number: u64) -> Self {
        let cause = format!("there is no release {number}, or it is not kept any more");
        Self::new(404, "unknown-release", "there is no such release", cause, "see `isles releases`")
    }

    pub(super) fn unknown_service(service: &ServiceName, cause: String) -> Self {
        let hint = "check the name, and the manifest";
        Self {
            service: Some(service.clone()),
            ..Self::new(404, "unknown-service", "there is no such service", cause, hint)
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        let full = matches!(error.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        let (reason, hint) = if full {
            ("disk-full", "free some space on its disk; nothing was changed")
        } else {
            ("store-failed", "check the permissions of the state folder and its disk; nothing was changed")
        };
        let title = if full { "the disk is full" } else { "the content store cannot be used" };
        Self::new(507, reason, title, error.to_string(), hint)
    }
}

impl From<ReleaseError> for Failed {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Store(error) => error.into(),
            ReleaseError::Unknown(number) => Self::unknown_release(number),
            ReleaseError::Streams(error) => {
                let hint = "check the permissions and the free space of the state folder; nothing was changed";
                Self::new(507, "not-recorded", "a release could not be recorded", error.to_string(), hint)
            }
        }
    }
}

impl From<Failed> for Box<Problem> {
    fn from(failed: Failed) -> Self {
        let Failed { status, reason, title, service, trouble } = failed;
        let cause = service.map_or(trouble.cause.clone(), |service| format!("`{service}`: {}", trouble.cause));
        let detail = [vec![cause], trouble.log].concat().join("\n");
        Self::new(Problem { detail, ..Problem::new(status, reason, title, trouble.hint) })
    }
}
