//! The process's one runtime: a single thread that runs every session's requests.
//!
//! One thread is a choice: a reset costs tens of microseconds of CPU, so one thread carries tens of thousands a second,
//! and a current-thread runtime spends a third less CPU on each than one with several workers.

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle};

use crate::error::{Category, Error, Result};
use crate::os::thread;

/// Threads for what blocks: looking names up, reading files, decrypting keys. Each call takes seconds at the most.
const MAX_BLOCKING: usize = 64;

/// The runtime, and the process that its thread is in. One that could not start is tried again by the next session.
static RUNTIME: OnceCell<(Handle, u32)> = OnceCell::new();

/// The runtime, started on first use.
pub(crate) fn handle() -> Result<&'static Handle> {
    let unavailable = |why: String| Error::new("InternalError", Category::ResourceUnavailable, why).into_fatal();
    let (handle, process) = RUNTIME
        .get_or_try_init(start)
        .map_err(|error| unavailable(format!("The engine's thread could not be started: {error}.")))?;
    // A fork copies the memory and not the thread: whatever is handed to it would wait for ever.
    if *process != std::process::id() {
        return Err(unavailable(
            "This process was forked from one that had used the engine, whose thread it does not have. Start a new program instead of forking (in Python: multiprocessing's method 'spawn'), or fork before the first use."
                .to_owned(),
        ));
    }
    Ok(handle)
}

fn start() -> std::io::Result<(Handle, u32)> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .thread_name("apim-blocking")
        .max_blocking_threads(MAX_BLOCKING)
        .on_thread_start(thread::take_no_signals)
        .build()?;
    let handle = runtime.handle().clone();
    thread::spawn("apim-backend-connection", move || {
        runtime.block_on(std::future::pending::<()>());
    })?;
    Ok((handle, std::process::id()))
}
