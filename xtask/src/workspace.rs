//! Where the workspace's things are, and Cargo run on it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The library's name as Cargo knows it.
pub const LIBRARY_PACKAGE: &str = "apim-backend-connection";

/// The directory that holds the workspace's `Cargo.toml`.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the task runner lies in a directory of the workspace")
}

/// Cargo's target directory, wherever the user has put it.
pub fn target_directory() -> Result<&'static Path> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(target) = TARGET.get() {
        return Ok(target);
    }
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be started")?;
    if !output.status.success() {
        bail!("cargo metadata failed ({})", output.status);
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
    Ok(TARGET.get_or_init(|| metadata.target_directory))
}

/// The version that every part of the product has.
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// A Cargo command in the workspace, free of what a surrounding `cargo run` or `cargo test` has set for its own child:
/// build scripts that watch those variables would run again at every change between inside and outside.
pub fn cargo() -> Command {
    let mut command = clean(Command::new(cargo_program()));
    command.current_dir(root());
    command
}

/// Cargo's program.
pub fn cargo_program() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// A command that runs Cargo, free of what a surrounding `cargo run` or `cargo test` has set for its own child.
pub fn clean(mut command: Command) -> Command {
    for (name, _) in env::vars_os() {
        let of_this_run = name.to_str().is_some_and(|name| {
            [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CFG_",
                "CARGO_FEATURE_",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix))
                || [
                    "CARGO_CRATE_NAME",
                    "CARGO_PRIMARY_PACKAGE",
                    "CARGO_TARGET_TMPDIR",
                    "OUT_DIR",
                ]
                .contains(&name)
        });
        if of_this_run {
            command.env_remove(name);
        }
    }
    command
}

/// What `cargo build` is to make.
#[derive(Debug, Clone, Copy)]
pub enum Build<'a> {
    /// The shared library of this package.
    SharedLibrary(&'a str),
    /// The program of this package that has this name.
    Program {
        /// The package.
        package: &'a str,
        /// The program's name.
        name: &'a str,
        /// Build it with the release profile.
        release: bool,
    },
}

/// Builds something and says where it is. Cargo's own messages go to stderr.
pub fn build(what: Build<'_>) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        target: Option<Target>,
        #[serde(default)]
        filenames: Vec<PathBuf>,
        executable: Option<PathBuf>,
    }

    let mut command = cargo();
    command.args(["build", "--message-format=json-render-diagnostics"]);
    let (package, name) = match what {
        Build::SharedLibrary(package) => {
            command.args(["--release", "--lib", "--package", package]);
            (package, package.replace('-', "_"))
        }
        Build::Program { package, name, release } => {
            command.args(["--bin", name, "--package", package]);
            if release {
                command.arg("--release");
            }
            (package, name.to_owned())
        }
    };
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be started")?;
    if !output.status.success() {
        bail!(
            "cargo build of {package} failed ({}); its messages are above",
            output.status
        );
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|message| match what {
            Build::SharedLibrary(_) => {
                let shared = message.target?.kind.iter().any(|kind| kind == "cdylib");
                let suffix = env::consts::DLL_SUFFIX;
                message
                    .filenames
                    .into_iter()
                    .find(|path| shared && path.to_string_lossy().ends_with(suffix))
            }
            Build::Program { .. } => message.executable,
        })
        .with_context(|| format!("cargo build of {package} named no file for {name}"))
}
