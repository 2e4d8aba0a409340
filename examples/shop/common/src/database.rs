use std::{
    env,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::task::spawn_blocking;

use crate::{Error, Fault};

/// How long a write waits for another instance that is writing to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an instance waits before it tries again to open a file that another one is setting up.
const RETRY_DELAY: Duration = Duration::from_millis(5);

/// A program's own SQLite file. Several instances may have it open.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// Opens `$DATABASE_PATH`, and sets it up by the schema's statements if it is new.
    pub fn open(schema: &str) -> Result<Self, Fault> {
        let path = env::var_os("DATABASE_PATH").ok_or("$DATABASE_PATH is not set")?;
        let connection = open(Path::new(&path), schema).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs the work in a read transaction: it sees one state of the data.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.transact(TransactionBehavior::Deferred, move |transaction| work(transaction)).await
    }

    /// Runs the work in a write transaction: all of it happens, or nothing if it fails.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // Begun as a writer, so that what is read inside cannot be changed by another instance before it is written.
        self.transact(TransactionBehavior::Immediate, move |transaction| work(transaction)).await
    }

    async fn transact<T: Send + 'static>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let connection = self.0.clone();
        let done = spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(behavior)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        done.await.unwrap_or_else(|_| Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "the work was broken off")))
    }
}

/// Opens the file as soon as it is free: SQLite itself does not wait for another instance that turns the write-ahead log on.
fn open(path: &Path, schema: &str) -> rusqlite::Result<Connection> {
    let started = Instant::now();
    loop {
        match open_now(path, schema) {
            Err(error) if is_busy(&error) && started.elapsed() < BUSY_TIMEOUT => thread::sleep(RETRY_DELAY),
            outcome => return outcome,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn open_now(path: &Path, schema: &str) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    if version(&connection)? == 0 {
        set_up(&mut connection, schema)?;
    }
    Ok(connection)
}

fn set_up(connection: &mut Connection, schema: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again: another instance may have been first.
    if version(&transaction)? == 0 {
        transaction.execute_batch(schema)?;
        transaction.pragma_update(None, "user_version", 1)?;
    }
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_that_start_together_set_the_file_up_once() {
        let path = env::temp_dir().join(format!("shop-database-{}.db", std::process::id()));
        let schema = "CREATE TABLE items (name TEXT); INSERT INTO items VALUES ('tea')";
        thread::scope(|scope| {
            let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path, schema).map(drop))).collect();
            for instance in opened {
                assert_eq!(instance.join().unwrap(), Ok(()));
            }
        });
        let connection = open(&path, schema).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM items", [], |row| row.get(0)).unwrap();
        drop(connection);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(count, 1);
    }
}
