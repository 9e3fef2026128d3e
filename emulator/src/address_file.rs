//! Files by which a starting emulator tells others where it is.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// Writes a file so that a reader sees either nothing or all of it: another process waits for the file to appear
/// and reads it at once.
pub fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let mut partial = OsString::from(path);
    partial.push(format!(".{}.partial", std::process::id()));
    std::fs::write(&partial, text)?;
    std::fs::rename(&partial, path).inspect_err(|_| {
        // The rename's failure is what the caller must hear of; a leftover partial file is only untidy.
        let _ = std::fs::remove_file(&partial);
    })
}
