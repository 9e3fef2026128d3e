//! Reading files that may never end, or never begin (a FIFO, a device).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// Reads a file of at most `limit` bytes. On Unix it takes no longer than `timeout`, whatever the file is, but for one
/// on a network's file system that hangs in the kernel; it blocks the thread that long.
pub(crate) fn read(path: &Path, limit: usize, timeout: Duration) -> io::Result<Zeroizing<Vec<u8>>> {
    let deadline = Instant::now() + timeout;
    let mut file = open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let mut chunk = Zeroizing::new([0; 16 * 1024]);
    loop {
        wait_for_bytes(&file, deadline)?;
        let count = match file.read(&mut chunk[..]) {
            Ok(0) => return Ok(bytes),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => continue,
            Err(error) => return Err(error),
        };
        if bytes.len() + count > limit {
            return Err(io::Error::other(format!("it is larger than {limit} bytes")));
        }
        if bytes.capacity() < bytes.len() + count {
            // A vector that grows leaves its old bytes behind.
            let mut larger = Zeroizing::new(Vec::with_capacity((2 * bytes.capacity()).max(chunk.len())));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A FIFO without a writer would otherwise keep the opener.
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Waits until a read finds bytes, or the end.
#[cfg(unix)]
fn wait_for_bytes(file: &File, deadline: Instant) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        // Rounded up: a wait that ends a moment early would only be begun again.
        let left = libc::c_int::try_from(left + 1).unwrap_or(libc::c_int::MAX);
        // SAFETY: one descriptor, which is open as long as `file` lives.
        match unsafe { libc::poll(&mut poll, 1, left) } {
            0 => return Err(io::Error::new(io::ErrorKind::TimedOut, "it gave nothing in time")),
            count if count > 0 => return Ok(()),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(not(unix))]
fn wait_for_bytes(_: &File, deadline: Instant) -> io::Result<()> {
    if Instant::now() < deadline {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::TimedOut, "it gave nothing in time"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_and_not_beyond_its_limit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        std::fs::write(file.path(), &content).unwrap();
        let read = |limit| read(file.path(), limit, Duration::from_secs(10));
        assert_eq!(*read(100_000).unwrap(), content);
        assert!(read(99_999).unwrap_err().to_string().contains("99999 bytes"));
    }

    #[test]
    fn neither_a_fifo_that_nobody_writes_nor_an_endless_device_holds_the_reader() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let error = read(&fifo, 100, Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(read(Path::new("/dev/zero"), 1000, Duration::from_secs(10)).is_err());
    }

    #[test]
    fn what_a_writer_puts_into_a_fifo_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let writer = std::thread::spawn({
            let fifo = fifo.clone();
            move || std::fs::write(fifo, "token").unwrap()
        });
        assert_eq!(&**read(&fifo, 100, Duration::from_secs(10)).unwrap(), b"token");
        writer.join().unwrap();
    }
}
