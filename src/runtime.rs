//! The process's one runtime: a single thread that runs every session's requests.
//!
//! One thread is a choice: a reset costs tens of microseconds of CPU, so one thread carries tens of thousands a second,
//! and a current-thread runtime spends a third less CPU on each than one with several workers.

use once_cell::sync::Lazy;
use tokio::runtime::{Builder, Handle};

use crate::error::{Category, Error, Result};

static RUNTIME: Lazy<std::io::Result<Handle>> = Lazy::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("apim-backend-connection".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
});

/// The runtime, started on first use.
pub(crate) fn handle() -> Result<&'static Handle> {
    RUNTIME.as_ref().map_err(|e| {
        Error::new(
            "InternalError",
            Category::ResourceUnavailable,
            format!("The engine's thread could not be started: {e}."),
        )
        .into_fatal()
    })
}
