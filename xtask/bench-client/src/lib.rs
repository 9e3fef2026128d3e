//! The native library through its C ABI, for the benchmark's client and for a demo without PowerShell.
//!
//! The crate is apart from the task runner because it is measured: it holds nothing but what is measured.

mod native_session;

pub use native_session::{Counts, NativeLibrary, NativeSession};
