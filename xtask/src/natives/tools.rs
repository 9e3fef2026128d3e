//! The tools that `cargo xtask natives` installs for itself, below the target directory. Their versions are pinned: what
//! they are decides the bytes of what they build.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::toolchain::program;
use crate::{lock, workspace};

/// The linker for other systems, and its driver for Cargo, from PyPI.
const FROM_PYPI: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];

/// Records a library's dependencies in it, for scanners that read what `cargo audit bin` reads. From crates.io.
const CARGO_AUDITABLE: [&str; 2] = ["cargo-auditable", "0.7.7"];

/// The installed tools.
#[derive(Debug, Clone)]
pub struct Tools {
    directory: PathBuf,
}

impl Tools {
    /// The tools; `with_zig` says whether those from PyPI are needed, which are then installed where they are missing. The inner error is what this machine lacks for it.
    pub fn install(with_zig: bool) -> Result<Result<Self, String>> {
        let tools = Self {
            directory: workspace::target_directory()?.join("natives-tools"),
        };
        let _lock = lock::beside(&tools.directory)?;
        if with_zig && !tools.path(&FROM_PYPI.join(" ")).is_file() {
            let Some(python) = ["python3", "python"]
                .into_iter()
                .find(|name| can_make_environments(name))
            else {
                return Ok(Err(
                    "Needs Python 3 with venv (Debian: python3-venv) to install cargo-zigbuild and ziglang.".into(),
                ));
            };
            run(Command::new(python).args(["-m", "venv"]).arg(&tools.directory))?;
            run(Command::new(tools.program("python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(FROM_PYPI))?;
            std::fs::write(tools.path(&FROM_PYPI.join(" ")), "")?;
        }
        Ok(Ok(tools))
    }

    /// cargo-auditable, installed where this version is not there yet.
    pub fn cargo_auditable(&self) -> Result<PathBuf> {
        let _lock = lock::beside(&self.directory)?;
        let [name, version] = CARGO_AUDITABLE;
        let mark = self.path(&format!("{name}=={version}"));
        if !mark.is_file() {
            run(workspace::cargo()
                .args(["install", "--quiet", "--locked", name, "--version", version, "--root"])
                .arg(&self.directory))?;
            std::fs::write(mark, "")?;
        }
        Ok(self.program(name))
    }

    /// `PATH` with the tools first.
    pub fn search_path(&self) -> OsString {
        let rest = env::var_os("PATH").unwrap_or_default();
        let all = [self.programs()].into_iter().chain(env::split_paths(&rest));
        env::join_paths(all).unwrap_or(rest)
    }

    /// Zig, as a command that keeps its cache below the target directory.
    pub fn zig(&self) -> Command {
        let mut command = Command::new(self.program("python"));
        command.args(["-m", "ziglang"]);
        command.env("ZIG_GLOBAL_CACHE_DIR", self.zig_cache());
        command
    }

    /// Where Zig keeps what it has compiled.
    pub fn zig_cache(&self) -> PathBuf {
        self.directory.join("zig-cache")
    }

    /// A folder for what else the command needs.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// One of the tools' programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs().join(program(name))
    }

    fn programs(&self) -> PathBuf {
        // Cargo installs into bin everywhere; Python's environments have their programs elsewhere on Windows, where
        // nothing of them is used.
        self.directory.join("bin")
    }
}

fn can_make_environments(python: &str) -> bool {
    // ensurepip is what Debian leaves out of python3.
    Command::new(python)
        .args(["-c", "import venv, ensurepip"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a command whose output is for the user.
pub fn run(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("{name} cannot be started"))?;
    if !status.success() {
        bail!("{name} failed ({status}); its messages are above");
    }
    Ok(())
}
