//! Panics: defects of the library, caught where its caller or its runtime begins.

use std::panic;
use std::sync::{Mutex, PoisonError};

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the text of panics from the process's standard error, which is the caller's, and notes their place instead. The
/// text may hold what was worked on; the place does not. A shared library has a standard library of its own, so the
/// panics of others are left as they are.
pub(crate) fn keep_off_standard_error() {
    panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|place| format!("{}:{}", place.file(), place.line()));
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
}

/// Where the last panic was, as file and line of this library's source.
pub(crate) fn place() -> Option<String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
