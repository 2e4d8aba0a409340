//! The access log: one line of JSON for each request that the policy wants to see. A worker never waits for the disk: what the writer
//! cannot keep up with is counted and said.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use model::{InstanceId, Reason, Timestamp};
use serde::Serialize;
use tokio::sync::mpsc;

/// Lines that may wait for the disk.
const WAITING_MAX: usize = 4096;
/// The size at which a file is put aside; one older file is kept.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A line.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    /// Microseconds since 1970, when the request came.
    pub(crate) at: Timestamp,
    /// Who connected: behind another proxy, that proxy.
    pub(crate) peer: IpAddr,
    pub(crate) connection: &'a str,
    pub(crate) host: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// What the client got; 0 if it went away before.
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Reason>,
    /// The instance that answered or was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<&'a InstanceId>,
    pub(crate) micros: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) retries: u32,
    pub(crate) trace: &'a str,
}

/// Where workers put their lines.
#[derive(Clone)]
pub(crate) struct AccessLog {
    lines: mpsc::Sender<Vec<u8>>,
    lost: Arc<AtomicU64>,
}

impl AccessLog {
    /// Opens the file and starts its writer, which ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the file cannot be written, or the host gives no thread.
    pub(crate) fn start(path: &Path) -> io::Result<Self> {
        // Not `std`'s channel: it takes the memory for all that may wait.
        let (lines, waiting) = mpsc::channel(WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { file: Rotated::open(path.into())?, lost: lost.clone() };
        std::thread::Builder::new().name("access-log".into()).spawn(move || writer.run(waiting))?;
        Ok(Self { lines, lost })
    }

    pub(crate) fn write(&self, line: &Line<'_>) {
        let mut text = serde_json::to_vec(line).expect("a line has only text and numbers");
        text.push(b'\n');
        if self.lines.try_send(text).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

struct Writer {
    file: Rotated,
    lost: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, mut lines: mpsc::Receiver<Vec<u8>>) {
        while let Some(line) = lines.blocking_recv() {
            let lost = self.lost.swap(0, Relaxed);
            let note = if lost > 0 { format!("{{\"lost\":{lost}}}\n") } else { String::new() };
            if self.file.append(note.as_bytes()).and_then(|()| self.file.append(&line)).is_err() {
                self.lost.fetch_add(lost + 1, Relaxed);
            }
        }
    }
}

/// A file that is put aside when it is full.
struct Rotated {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Rotated {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let length = file.metadata()?.len();
        Ok(Self { path, file, length })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.length >= FILE_BYTES_MAX {
            std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(self.path.clone())?;
        }
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}
