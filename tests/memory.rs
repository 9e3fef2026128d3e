//! The C ABI keeps no memory that nobody can free. A file of its own: what the whole process takes is measured.

use std::ptr::null_mut;

use test_support::{Status, functions};

#[test]
fn an_error_that_nobody_wants_takes_no_memory() {
    const LARGE: usize = 1024 * 1024;
    const TIMES: usize = 50;
    let f = functions();
    let text = format!(r#"{{"id":"{}"}}"#, "x".repeat(LARGE));
    let resident = || memory_stats::memory_stats().expect("the system tells").physical_mem;
    let before = resident();
    for _ in 0..TIMES {
        // SAFETY: the text lives through the call, and the output may be NULL.
        let status = unsafe { (f.apimbc_item_describe)(text.as_ptr(), text.len(), null_mut(), null_mut()) };
        assert_eq!(status, Status::INVALID_ARGUMENT);
    }
    let grown = resident().saturating_sub(before);
    // The message quotes the id.
    assert!(grown < TIMES * LARGE / 2, "{grown} bytes more are in use");
}
