//! What the journal needs of a file system, so that tests can give it one that fails.

use std::{io, sync::Arc};

/// A folder of files.
pub trait Disk: Send + Sync + 'static {
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` if there is none; else what the host says.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes an empty file, in the place of an older one.
    ///
    /// # Errors
    /// What the host says.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file, in the place of another one.
    ///
    /// # Errors
    /// What the host says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// What the host says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names of all files.
    ///
    /// # Errors
    /// What the host says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// What the host says.
    fn sync_folder(&self) -> io::Result<()>;
}

/// A file of a [`Disk`]. Offsets and lengths are in bytes.
pub trait DiskFile: Send + Sync {
    /// Reads at most `bytes.len()` bytes; 0 is the end of the file.
    ///
    /// # Errors
    /// What the host says.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at least one of the bytes, and says how many.
    ///
    /// # Errors
    /// What the host says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Reserves space, with zeros where there was nothing, so that writes below `length` cannot find the disk full.
    ///
    /// # Errors
    /// `StorageFull`; else what the host says.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// Makes the content and the length durable.
    ///
    /// # Errors
    /// What the host says; what is on disk is then unknown.
    fn sync_data(&self) -> io::Result<()>;
    /// The length.
    ///
    /// # Errors
    /// What the host says.
    fn length(&self) -> io::Result<u64>;
}

/// Writes all the bytes.
pub(crate) fn write_all(file: &dyn DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = file.write_at(bytes, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

/// Reads until `bytes` is full or the file ends; says how many.
pub(crate) fn read_full(file: &dyn DiskFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Makes a file whole before it gets its name: a crash leaves it whole or not at all.
pub(crate) fn publish(disk: &dyn Disk, name: &str, length: u64, bytes: &[u8]) -> io::Result<Arc<dyn DiskFile>> {
    let beside = format!("{name}.new");
    let written = disk.create(&beside).and_then(|file| {
        file.allocate(length)?;
        write_all(&*file, bytes, 0)?;
        file.sync_data()?;
        Ok(file)
    });
    if written.is_err() {
        let _ = disk.remove(&beside);
    }
    let file = written?;
    disk.rename(&beside, name)?;
    disk.sync_folder()?;
    Ok(file)
}
