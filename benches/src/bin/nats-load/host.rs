//! What the host itself takes: one sync of the disk, and one way there and back over the loopback.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::FileExt as _,
    path::Path,
    thread,
};

use crate::tally::{Tally, Until};

/// The file is written over and over, as a log that was preallocated.
const FILE_BYTES: u64 = 1 << 20;

/// Writes so many bytes and syncs them, again and again.
pub(crate) fn disk(folder: &Path, bytes: usize, until: Until) -> anyhow::Result<Tally> {
    let path = folder.join("sync");
    let file = File::create(&path)?;
    let record = vec![1; bytes];
    file.write_all_at(&vec![0; usize::try_from(FILE_BYTES)?], 0)?;
    file.sync_all()?;
    let mut tally = Tally::begin(until);
    while !tally.is_over(tally.count) {
        let began = tally.now();
        file.write_all_at(&record, tally.count * bytes as u64 % (FILE_BYTES - bytes as u64))?;
        file.sync_data()?;
        tally.done(began);
    }
    std::fs::remove_file(path)?;
    Ok(tally.end())
}

/// Sends some bytes and waits until they come back.
pub(crate) fn echo(until: Until) -> anyhow::Result<Tally> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let echo = thread::spawn(move || {
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = server.read(&mut bytes) {
            if server.write_all(&bytes[..count]).is_err() {
                return;
            }
        }
    });
    let mut tally = Tally::begin(until);
    while !tally.is_over(tally.count) {
        let began = tally.now();
        client.write_all(&[1; 160])?;
        client.read_exact(&mut [0; 160])?;
        tally.done(began);
    }
    drop(client);
    echo.join().map_err(|_| anyhow::anyhow!("the echo has panicked"))?;
    Ok(tally.end())
}
