//! Why a release could not be made or restored.

use std::io::ErrorKind;

use model::{Problem, ServiceName, status::Trouble};
use ports::streams::StreamsError;

use super::{ReleaseError, StoreError};
use crate::build::BuildError;

/// Why a release could not be made or restored. What runs is as it was.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    kind: &'static Kind,
    /// The service whose fault it is.
    pub(crate) service: Option<ServiceName>,
    pub(crate) trouble: Trouble,
}

/// A reason, as the API tells it.
#[derive(Debug)]
pub(crate) struct Kind {
    status: u16,
    reason: &'static str,
    title: &'static str,
}

macro_rules! kinds {
    ($($name:ident $status:literal $reason:literal $title:literal)*) => {
        $(pub(super) const $name: Kind = Kind { status: $status, reason: $reason, title: $title };)*
    };
}
kinds! {
    BUILD_FAILED 422 "build-failed" "a service could not be built"
    MANIFEST_INVALID 422 "manifest-invalid" "the manifest, or what it names, has errors"
    NOT_RESTORABLE 422 "not-restorable" "a service cannot be restored"
    NOT_IN_PLACE 422 "not-in-place" "something cannot change while the system is up"
    CALLERS_LEFT 422 "callers-left" "a service is still called"
    STREAMS_REFUSED 422 "streams-refused" "a topic or bucket cannot be as the manifest says"
    UNKNOWN_RELEASE 404 "unknown-release" "there is no such release"
    UNKNOWN_SERVICE 404 "unknown-service" "there is no such service"
    NOTHING_TO_ROLL_BACK_TO 409 "nothing-to-roll-back-to" "there is nothing to go back to"
    DISK_FULL 507 "disk-full" "the disk is full"
    STORE_FAILED 507 "store-failed" "the content store cannot be used"
    NOT_RECORDED 507 "not-recorded" "a release could not be recorded"
}

impl Failed {
    pub(super) fn new(kind: &'static Kind, cause: impl Into<String>, hint: &str) -> Self {
        Self::of(kind, Trouble::new(cause, hint))
    }

    fn of(kind: &'static Kind, trouble: Trouble) -> Self {
        Self { kind, service: None, trouble }
    }

    pub(super) fn is_of_a_full_disk(&self) -> bool {
        self.kind.reason == DISK_FULL.reason
    }

    fn about(self, service: &ServiceName) -> Self {
        Self { service: Some(service.clone()), ..self }
    }

    pub(super) fn build(service: &ServiceName, error: BuildError) -> Self {
        match error {
            BuildError::Failed(trouble) => Self::of(&BUILD_FAILED, trouble).about(service),
            BuildError::DiskFull(error) => error.into(),
        }
    }

    /// The manifest, an `env_file` or a secret is not what it must be.
    pub(super) fn manifest(trouble: Trouble) -> Self {
        Self::of(&MANIFEST_INVALID, trouble)
    }

    /// A topic or bucket cannot be made, or not be what the manifest says.
    pub(super) fn streams(error: &StreamsError) -> Self {
        let hint = if error.may_pass() {
            "see whether what keeps the messages works, the disk or the server that `[streams]` names, and deploy again"
        } else {
            "change it back, or give it another name: what exists keeps its messages"
        };
        Self::new(&STREAMS_REFUSED, error.to_string(), hint)
    }

    pub(super) fn not_restorable(service: &ServiceName, cause: &str) -> Self {
        let hint = "name the files that it runs with in `artifact`: then they are stored with each release";
        Self::new(&NOT_RESTORABLE, cause, hint).about(service)
    }

    pub(super) fn unknown_service(service: &ServiceName, cause: impl Into<String>) -> Self {
        Self::new(&UNKNOWN_SERVICE, cause, "check the name, and the manifest").about(service)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        let cause = error.to_string();
        match error.source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Self::new(&DISK_FULL, cause, "free some space on its disk; nothing was changed")
            }
            _ if error.is_damage() => {
                let hint = "restore it from a copy, or go to another release (`isles releases`); nothing was changed";
                Self::new(&STORE_FAILED, cause, hint)
            }
            _ => {
                let hint = "check the permissions of the state folder and its disk; nothing was changed";
                Self::new(&STORE_FAILED, cause, hint)
            }
        }
    }
}

impl From<ReleaseError> for Failed {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Store(error) => error.into(),
            ReleaseError::Unknown(number) => {
                let cause = format!("there is no release {number}, or it is not kept any more");
                Self::new(&UNKNOWN_RELEASE, cause, "see `isles releases`")
            }
            ReleaseError::Streams(error) => {
                let hint = "check the permissions and the free space of the state folder; nothing was changed";
                Self::new(&NOT_RECORDED, error.to_string(), hint)
            }
        }
    }
}

impl From<Failed> for Box<Problem> {
    fn from(failed: Failed) -> Self {
        let Failed { kind, service, trouble } = failed;
        let cause = service.map_or(trouble.cause.clone(), |service| format!("`{service}`: {}", trouble.cause));
        let detail = [vec![cause], trouble.log].concat().join("\n");
        Self::new(Problem::new(kind.status, kind.reason, kind.title, trouble.hint).with_detail(detail))
    }
}
