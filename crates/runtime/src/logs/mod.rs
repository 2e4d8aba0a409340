//! Logs: one file a slot, rotated by size; read merged by time, and followed by reading on.

mod lines;
mod slot;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use model::{Gather, ServiceName, Timestamp, api::LogLine};
use ports::{
    clock::Clock,
    keeper::line::Line,
    logs::LogSelection,
    tasks::{TaskKind, Tasks},
    workloads::WorkloadId,
};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc,
};

use self::{
    lines::{Lines, last, merge},
    slot::{End, LogKey},
};
pub use slot::LogLimits;
pub(crate) use slot::SlotLog;

/// So many changes may wait for a reader until it looks at every log instead.
const CHANGES_MAX: usize = 1024;
/// So many lines wait for who asked for them.
const LINES_MAX: usize = 256;

/// All logs of a system.
pub(crate) struct LogStore {
    folder: PathBuf,
    limits: LogLimits,
    clock: Arc<dyn Clock>,
    logs: Mutex<BTreeMap<LogKey, Arc<SlotLog>>>,
    changes: broadcast::Sender<Arc<SlotLog>>,
    notices: Mutex<BTreeSet<String>>,
}

/// How far a reader has come in each log.
type Places = BTreeMap<LogKey, End>;

impl LogStore {
    /// The logs of a folder, those of earlier times included.
    pub(crate) fn open(folder: PathBuf, limits: LogLimits, clock: Arc<dyn Clock>) -> Self {
        let keys = subfolders(&folder).into_iter().flat_map(|service| {
            let files = fs::read_dir(folder.join(service.as_str())).into_iter().flatten().flatten();
            files.filter_map(move |file| LogKey::parse(&service, file.file_name().to_str()?))
        });
        let open = |key: LogKey| (key.clone(), Arc::new(SlotLog::open(key, &folder, limits)));
        let logs = Mutex::new(keys.map(open).gather());
        let changes = broadcast::Sender::new(CHANGES_MAX);
        Self { folder, limits, clock, logs, changes, notices: Mutex::default() }
    }

    /// The log that a workload writes to.
    pub(crate) fn of(&self, id: &WorkloadId) -> Arc<SlotLog> {
        let key = LogKey::of(id);
        let mut logs = self.logs.lock().expect("nothing panics under the lock");
        let open = || Arc::new(SlotLog::open(key.clone(), &self.folder, self.limits));
        logs.entry(key.clone()).or_insert_with(open).clone()
    }

    /// Appends texts to a log, all of this moment.
    pub(crate) fn append(&self, log: &Arc<SlotLog>, run: Option<u64>, texts: impl FnOnce(&mut dyn FnMut(&[u8]))) {
        let now = self.clock.now();
        let mut lines = Vec::new();
        texts(&mut |text| Line { at: now.0, run, text }.format(&mut lines));
        if lines.is_empty() {
            return;
        }
        if let Err(error) = log.append(&lines, run, now) {
            let notice = format!("logs of `{}` are not complete: {error}", log.key.service);
            self.notices.lock().expect("nothing panics under the lock").insert(notice);
        }
        let _ = self.changes.send(log.clone());
    }

    /// Which logs are not complete.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().expect("nothing panics under the lock").iter().cloned().collect()
    }

    /// The last lines of one run, or of the last build or migration.
    pub(crate) fn tail(&self, id: &WorkloadId, count: usize) -> Vec<String> {
        let log = self.of(id);
        let lines = match id {
            WorkloadId::Instance(id) => last(&log, 0, log.end(), count, &|line| line.instance.as_ref() == Some(id)),
            // Each of them begins a file.
            WorkloadId::Build(_) | WorkloadId::Migration(_) => last(&log, log.end().file, log.end(), count, &|_| true),
        };
        lines.into_iter().map(|line| line.text).collect()
    }

    /// The lines that were asked for.
    pub(crate) fn read(self: Arc<Self>, selection: LogSelection, tasks: &Tasks) -> mpsc::Receiver<LogLine> {
        let (sender, receiver) = mpsc::channel(LINES_MAX);
        let changes = self.changes.subscribe();
        let logs: Vec<_> = self.selected(&selection.services).into_iter().map(|log| (log.end(), log)).collect();
        tasks.spawn(TaskKind::Work("log reader"), async move {
            let places = logs.iter().map(|(end, log)| (log.key.clone(), *end)).gather();
            let (chosen, to) = (selection.clone(), sender.clone());
            let told = tokio::task::spawn_blocking(move || tell_history(logs, &chosen, &to)).await;
            if told.is_ok() && selection.follow {
                self.follow(&selection.services, places, changes, sender).await;
            }
        });
        receiver
    }

    fn selected(&self, services: &[ServiceName]) -> Vec<Arc<SlotLog>> {
        let logs = self.logs.lock().expect("nothing panics under the lock");
        logs.values().filter(|log| is_selected(services, log)).cloned().collect()
    }

    async fn follow(
        &self,
        services: &[ServiceName],
        mut places: Places,
        mut changes: broadcast::Receiver<Arc<SlotLog>>,
        sender: mpsc::Sender<LogLine>,
    ) {
        // What was written between the snapshot and the first change.
        let mut changed = self.selected(services);
        loop {
            let news = changed.iter().filter_map(|log| news_of(log, &mut places)).collect();
            for line in merge(news) {
                if sender.send(line).await.is_err() {
                    return;
                }
            }
            changed = tokio::select! {
                () = sender.closed() => return,
                first = changes.recv() => match first {
                    Ok(first) => changed_with(first, &mut changes),
                    Err(RecvError::Lagged(_)) => self.selected(services),
                    Err(RecvError::Closed) => return,
                },
            };
            changed.retain(|log| is_selected(services, log));
        }
    }
}

fn subfolders(folder: &std::path::Path) -> Vec<ServiceName> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn is_selected(services: &[ServiceName], log: &SlotLog) -> bool {
    services.is_empty() || services.contains(&log.key.service)
}

/// A change and those that wait behind it, each log once.
fn changed_with(first: Arc<SlotLog>, changes: &mut broadcast::Receiver<Arc<SlotLog>>) -> Vec<Arc<SlotLog>> {
    let mut changed = BTreeMap::from([(first.key.clone(), first)]);
    for _ in 0..changes.len() {
        match changes.try_recv() {
            Ok(log) => _ = changed.insert(log.key.clone(), log),
            Err(_) => break,
        }
    }
    changed.into_values().collect()
}

/// What a log has got since its reader's place, which moves on. Lines that are gone already are said.
fn news_of(log: &Arc<SlotLog>, places: &mut Places) -> Option<Box<dyn Iterator<Item = LogLine> + Send>> {
    let end = log.end();
    let from = places.insert(log.key.clone(), end).unwrap_or_default();
    if from == end {
        return None;
    }
    let mut lines = Lines::between(log.clone(), from, end, Timestamp(0));
    if from.file >= *log.files().start() {
        return Some(Box::new(lines));
    }
    let first = lines.next()?;
    let text = "isles: lines before this one were gone before they could be shown".into();
    let lost = LogLine { text, ..first.clone() };
    Some(Box::new([lost, first].into_iter().chain(lines)))
}

/// Sends what is in the logs up to the given places. Ends early when nobody listens any more.
fn tell_history(logs: Vec<(End, Arc<SlotLog>)>, selection: &LogSelection, sender: &mpsc::Sender<LogLine>) {
    let since = selection.since.unwrap_or_default();
    let send = |mut lines: Box<dyn Iterator<Item = LogLine>>| _ = lines.try_for_each(|line| sender.blocking_send(line));
    let Some(count) = selection.tail else {
        let all = logs.into_iter().map(|(end, log)| Lines::between(log, End::default(), end, since));
        return send(Box::new(merge(all.collect())));
    };
    let accept = |line: &LogLine| line.at >= since;
    let each = logs.iter().map(|(end, log)| last(log, 0, *end, count, &accept).into_iter());
    let mut ring = VecDeque::new();
    for line in merge(each.collect()) {
        ring.push_back(line);
        if ring.len() > count {
            ring.pop_front();
        }
    }
    send(Box::new(ring.into_iter()));
}

#[cfg(test)]
mod tests;
