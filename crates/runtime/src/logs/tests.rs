use std::time::Duration;

use model::InstanceId;
use ports::clock::FakeClock;

use super::*;

struct World {
    _folder: tempfile::TempDir,
    clock: Arc<FakeClock>,
    store: Arc<LogStore>,
    tasks: Tasks,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::default());
    let limits = LogLimits { file_bytes_max: 2000, files_max: 4 };
    let store = Arc::new(LogStore::open(folder.path().into(), limits, clock.clone()));
    World { _folder: folder, clock, store, tasks: Tasks::default() }
}

fn id(text: &str) -> WorkloadId {
    text.parse::<InstanceId>().map_or_else(|_| WorkloadId::Build(text.parse().unwrap()), WorkloadId::Instance)
}

impl World {
    fn write(&self, who: &str, text: &str) {
        self.clock.advance(Duration::from_secs(1));
        let id = id(who);
        let run = if let WorkloadId::Instance(id) = &id { Some(id.run) } else { None };
        self.store.append(&self.store.of(&id), run, |each| each(text.as_bytes()));
    }

    fn read(&self, selection: LogSelection) -> mpsc::Receiver<LogLine> {
        self.store.clone().read(selection, &self.tasks)
    }

    async fn all(&self, selection: LogSelection) -> Vec<String> {
        let mut lines = self.read(selection);
        let mut all = Vec::new();
        while let Some(line) = lines.recv().await {
            all.push(shown(&line));
        }
        all
    }
}

fn shown(line: &LogLine) -> String {
    let who = line.instance.as_ref().map_or(line.service.to_string(), ToString::to_string);
    format!("{} {who} {}", line.at.0 / 1_000_000, line.text)
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), test).await.unwrap() });
}

#[test]
fn logs_are_merged_by_time_and_selected() {
    block_on(async {
        let world = world();
        for (who, text) in
            [("users", "built"), ("users/1#1", "a"), ("stock/1#2", "b"), ("users/2#3", "c"), ("users/1#4", "d")]
        {
            world.write(who, text);
        }
        let all = ["1 users built", "2 users/1#1 a", "3 stock/1#2 b", "4 users/2#3 c", "5 users/1#4 d"];
        let (none, users) = (LogSelection::default(), vec!["users".parse().unwrap()]);
        for (selection, expected) in [
            (none.clone(), all.to_vec()),
            (LogSelection { services: users, ..none.clone() }, vec![all[0], all[1], all[3], all[4]]),
            (LogSelection { tail: Some(2), ..none.clone() }, vec![all[3], all[4]]),
            (LogSelection { tail: Some(0), ..none.clone() }, vec![]),
            (LogSelection { since: Some(Timestamp(4_000_000)), ..none.clone() }, vec![all[3], all[4]]),
            (LogSelection { since: Some(Timestamp(3_000_000)), tail: Some(9), ..none.clone() }, all[2..].to_vec()),
            (LogSelection { services: vec!["nobody".parse().unwrap()], ..none.clone() }, vec![]),
        ] {
            assert_eq!(world.all(selection.clone()).await, expected, "{selection:?}");
        }
        assert_eq!(world.store.tail(&id("users/1#1"), 9), ["a"]);
        assert_eq!(world.store.tail(&id("users"), 9), ["built"]);
        assert_eq!(world.store.tail(&id("users/7#7"), 9), Vec::<String>::new());
    });
}

#[test]
fn rotated_files_are_read_in_order() {
    block_on(async {
        let world = world();
        (0..300).for_each(|number| world.write("users/1#1", &format!("line {number}")));
        let lines = world.all(LogSelection::default()).await;
        let last = "300 users/1#1 line 299".to_string();
        assert!((150..210).contains(&lines.len()), "{}", lines.len());
        assert_eq!(lines.last(), Some(&last));
        let numbers = lines.iter().map(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap());
        assert!(numbers.eq(301 - lines.len()..301));
        assert_eq!(world.store.tail(&id("users/1#1"), 140).len(), 140);
        assert_eq!(
            world.all(LogSelection { tail: Some(99), ..LogSelection::default() }).await,
            lines[lines.len() - 99..]
        );
    });
}

#[test]
fn a_reopened_store_knows_its_logs() {
    block_on(async {
        let world = world();
        world.write("users/1#1", "before");
        let store = Arc::new(LogStore::open(world.store.folder.clone(), world.store.limits, world.clock.clone()));
        let again = World { store, ..world };
        again.write("users/1#2", "after");
        assert_eq!(again.all(LogSelection::default()).await, ["1 users/1#1 before", "2 users/1#2 after"]);
    });
}

#[test]
fn following_loses_and_doubles_nothing() {
    block_on(async {
        let world = Arc::new(world());
        (0..30).for_each(|number| world.write("users/1#1", &number.to_string()));
        let mut lines = world.read(LogSelection { follow: true, ..LogSelection::default() });
        let writer = world.clone();
        let writing = tokio::task::spawn_blocking(move || {
            (30..60).for_each(|number| writer.write(["users/1#1", "users/2#2"][number % 2], &number.to_string()));
        });
        let mut seen = Vec::new();
        while seen.len() < 60 {
            seen.push(lines.recv().await.unwrap().text.parse::<usize>().unwrap());
        }
        writing.await.unwrap();
        let by_slot =
            |slot: usize| seen.iter().copied().filter(move |n| *n < 30 && slot == 0 || *n >= 30 && n % 2 == slot);
        assert!(by_slot(0).eq((0..30).chain((30..60).step_by(2))), "{seen:?}");
        assert!(by_slot(1).eq((31..60).step_by(2)), "{seen:?}");
        world.write("new/1#9", "of a new log");
        assert_eq!(lines.recv().await.unwrap().text, "of a new log");
        assert!(lines.try_recv().is_err());
    });
}

#[test]
fn a_slow_reader_is_told_what_it_lost() {
    block_on(async {
        let world = world();
        let mut lines = world.read(LogSelection { follow: true, ..LogSelection::default() });
        world.write("users/1#1", "first");
        assert_eq!(lines.recv().await.unwrap().text, "first");
        (0..400).for_each(|number| world.write("users/1#1", &number.to_string()));
        assert!(lines.recv().await.unwrap().text.contains("lines before this one were gone"));
        let next: usize = lines.recv().await.unwrap().text.parse().unwrap();
        assert!((150..200).contains(&next), "{next}");
    });
}
