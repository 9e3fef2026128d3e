//! What every exported function does first: see whose process it is in, and keep panics in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use super::status::Status;
use crate::defect;

/// The process that used the library first; 0 before that.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// Whether the calling process may use the library. A forked child may not: it has a copy of the memory and none of the
/// threads, so a lock that one of these held is held for ever. Asks without a lock, and at each call: nothing else would
/// notice a fork by whatever means.
pub(super) fn is_usable() -> bool {
    let this = std::process::id();
    match OWNER.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            defect::keep_off_standard_error();
            true
        }
        Err(owner) => owner == this,
    }
}

/// Runs the body of a function: `FAILED` in a forked child, `PANIC` where the body panics.
pub(super) fn guarded(body: impl FnOnce() -> Result<Status, Status>) -> Status {
    guarded_or(Status::Failed, Status::Panic, || match body() {
        Ok(status) | Err(status) => status,
    })
}

/// The same for a function that returns no status.
pub(super) fn guarded_or<T>(in_a_child: T, on_panic: T, body: impl FnOnce() -> T) -> T {
    if !is_usable() {
        return in_a_child;
    }
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(on_panic)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Set in the process that panics.
    const PANICS: &str = "TEST_PANICS_AT_THE_BOUNDARY";

    #[test]
    fn a_panic_at_the_boundary_is_a_status_and_prints_nothing() {
        if std::env::var_os(PANICS).is_some() {
            let status = guarded(|| panic!("a text with a secret"));
            assert_eq!(status, Status::Panic);
            let place = defect::place().expect("it is noted");
            assert!(
                place.starts_with("src/ffi/guard.rs:") || place.starts_with(r"src\ffi\guard.rs:"),
                "{place}"
            );
            return;
        }
        let name = "ffi::guard::tests::a_panic_at_the_boundary_is_a_status_and_prints_nothing";
        let output = Command::new(std::env::current_exe().expect("a test knows its executable"))
            .args(["--exact", name, "--nocapture"])
            .env(PANICS, "1")
            .output()
            .expect("it starts once more");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        assert!(!said.contains("secret") && !said.contains("panicked"), "{said}");
    }
}
