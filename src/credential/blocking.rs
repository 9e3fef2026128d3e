//! What blocks runs beside the engine's one thread, and is not waited for longer than it may take.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::os::file;

/// Files are on this machine, or on a network's file system that answers within seconds or not at all.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Runs what blocks. The reason why there is no outcome is for a person.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    match tokio::time::timeout(TIMEOUT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(_)) => Err("it was cancelled".to_owned()),
        Err(_) => Err(format!("it took longer than {} s", TIMEOUT.as_secs())),
    }
}

/// Reads a file of at most `limit` bytes.
pub(super) async fn read(path: PathBuf, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    run(move || file::read(&path, limit, TIMEOUT))
        .await?
        .map_err(|why| why.to_string())
}
