//! The shared library that cargo built beside the tests.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::PathBuf;
use std::sync::OnceLock;

use abi_client::{Functions, Library};

/// The file of the shared library.
///
/// # Panics
///
/// Cargo builds it for every integration test of the engine's package; it is not beside the test that runs.
pub fn library_path() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own executable");
    let name = format!("{DLL_PREFIX}apim_backend_connection{DLL_SUFFIX}");
    // The test is in target/<profile>/deps, and so is what cargo built for it; what it built to be used is one up.
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "there is no {name} beside {}; run the test with cargo test (or cargo nextest), which builds it",
            test.display()
        )
    })
}

/// The library. It is loaded once in a process.
///
/// # Panics
///
/// It cannot be loaded, or lacks one of the functions.
pub(crate) fn library() -> &'static Library {
    static LOADED: OnceLock<Library> = OnceLock::new();
    LOADED.get_or_init(|| Library::load(&library_path()).unwrap_or_else(|why| panic!("{why}")))
}

/// The library's functions.
///
/// # Panics
///
/// As for the library.
pub fn functions() -> &'static Functions {
    library().functions()
}
