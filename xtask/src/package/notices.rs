//! THIRD-PARTY-NOTICES.txt: the licenses of what is in the native libraries.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

use super::dependencies::{Dependencies, Dependency};
use crate::workspace;

const HEAD: &str = "\
The native libraries of this product contain the software below, each under the license that stands with it. Rust's
standard library (https://github.com/rust-lang/rust, MIT OR Apache-2.0) is in all of them; the start-up code of mingw-w64
(https://www.mingw-w64.org, ZPL-2.1 and public domain) and LLVM's runtime libraries (Apache-2.0 WITH LLVM-exception) are
in those that were linked with Zig.
";

/// The file's text.
pub fn notices(dependencies: &Dependencies) -> Result<String> {
    let mut text = HEAD.to_owned();
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for dependency in &dependencies.all {
        let Dependency {
            name, version, license, ..
        } = dependency;
        writeln!(
            text,
            "\n{name} {version}: {license}\n    https://crates.io/crates/{name}/{version}"
        )?;
        for file in dependency.texts.values().cloned().chain(stand_in(dependency)?) {
            users.entry(file).or_default().push(dependency.key());
        }
    }
    // The same text serves many: it stands once, below their names.
    for (file, users) in users {
        let line = "-".repeat(100);
        write!(text, "\n{line}\n{}\n{line}\n\n{file}\n", users.join(", "))?;
    }
    Ok(text)
}

/// MIT's text for a crate that ships none.
fn stand_in(dependency: &Dependency) -> Result<Option<String>> {
    if !dependency.texts.is_empty() {
        return Ok(None);
    }
    let own = fs::read_to_string(workspace::root().join("LICENSE-MIT"))?;
    let grant = own
        .find("Permission is hereby granted")
        .context("LICENSE-MIT grants a permission")?;
    let authors = match dependency.authors.as_slice() {
        [] => format!("the authors of {}", dependency.name),
        authors => authors.join(", "),
    };
    Ok(Some(format!(
        "MIT License\n\nCopyright (c) {authors}\n\n{}",
        own[grant..].trim_end()
    )))
}
