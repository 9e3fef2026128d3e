//! The process's one runtime: a single thread that runs every session's requests.
//!
//! One thread is a choice: a reset costs tens of microseconds of CPU, so one thread carries tens of thousands a second,
//! and a current-thread runtime spends a third less CPU on each than one with several workers.

use once_cell::sync::Lazy;
use tokio::runtime::{Builder, Handle};

use crate::error::{Category, Error, Result};

/// The runtime, and the process that its thread is in.
static RUNTIME: Lazy<std::io::Result<(Handle, u32)>> = Lazy::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("apim-backend-connection".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok((handle, std::process::id()))
});

/// The runtime, started on first use.
pub(crate) fn handle() -> Result<&'static Handle> {
    let unavailable = |why: String| Error::new("InternalError", Category::ResourceUnavailable, why).into_fatal();
    match &*RUNTIME {
        Ok((handle, process)) if *process == std::process::id() => Ok(handle),
        // A fork copies the memory and not the thread: whatever is handed to it would wait for ever.
        Ok(_) => Err(unavailable(
            "This process was forked from one that had used the engine, whose thread it does not have. Start a new program instead of forking (in Python: multiprocessing's method 'spawn'), or fork before the first use."
                .to_owned(),
        )),
        Err(error) => Err(unavailable(format!("The engine's thread could not be started: {error}."))),
    }
}
