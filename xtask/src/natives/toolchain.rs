//! Which of this machine's Rust toolchains can build for a target.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace;

/// A Rust toolchain.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// Its `cargo`.
    pub cargo: PathBuf,
    /// Its `rustc`.
    pub rustc: PathBuf,
    /// It has no standard library for the target and compiles one from the sources that it has.
    pub builds_std: bool,
    /// Where those sources are.
    pub sysroot: PathBuf,
}

/// A toolchain for the target: one that has its standard library, else one that has the library's sources. The error
/// is what to install.
pub fn find(target: &str) -> Result<Toolchain, String> {
    // The one that runs this, and Debian's current one (packages rustc-web, cargo-web, rust-web-src).
    let own = workspace::cargo_program().with_file_name(program("rustc"));
    let present: Vec<Toolchain> = [own, "/usr/bin/rustc".into()]
        .into_iter()
        .filter_map(|rustc| {
            // Not what was found on PATH: that may be rustup's, which asks the home folder which toolchain it stands for.
            let sysroot = PathBuf::from(output(&rustc, &["--print", "sysroot"])?);
            Some(Toolchain {
                cargo: sysroot.join("bin").join(program("cargo")),
                rustc: sysroot.join("bin").join(program("rustc")),
                builds_std: false,
                sysroot,
            })
        })
        .filter(|toolchain| toolchain.cargo.is_file())
        .collect();
    let complete = present.iter().find(|toolchain| toolchain.has_std(target)).cloned();
    let from_source = || {
        let found = present.iter().find(|toolchain| toolchain.std_sources().is_dir())?;
        Some(Toolchain {
            builds_std: true,
            ..found.clone()
        })
    };
    complete.or_else(from_source).ok_or_else(|| {
        format!(
            "Needs Rust's standard library for {target}: `rustup target add {target}`, or, to compile it, `rustup component add \
             rust-src` or Debian's packages rustc-web, cargo-web and rust-web-src."
        )
    })
}

impl Toolchain {
    fn has_std(&self, target: &str) -> bool {
        output(&self.rustc, &["--print", "target-libdir", "--target", target])
            .is_some_and(|path| Path::new(&path).is_dir())
    }

    /// Where the standard library's sources are, if they are there.
    pub fn std_sources(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library")
    }
}

/// What a program prints, on one line. `None` where it cannot be started, fails or prints nothing.
fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A program's file name on this machine.
pub fn program(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}
