//! What to run, and what is too much of it.

use std::ffi::{CStr, OsStr};
use std::io;
use std::time::Duration;

/// What to run, and how far.
pub(crate) struct Program<'a> {
    /// The program's file; without a folder it is looked for as the system does.
    pub file: &'a OsStr,
    pub arguments: &'a [&'a OsStr],
    /// `NAME=value`, all that the program gets. They are not copied where the system lets a program be started without.
    pub environment: &'a [&'a CStr],
    /// After this it is ended.
    pub timeout: Duration,
    /// A program that says more on one of its two streams is ended.
    pub max_output: usize,
}

pub(super) fn too_much(limit: usize) -> io::Error {
    io::Error::other(format!("it said more than {limit} bytes"))
}
