//! `cargo xtask natives`: the native library for every platform that this machine can build it for, in
//! `target/natives/<runtime identifier>/`, each checked, and run as far as this machine can run it.

mod build;
mod c_example;
pub mod inspect;
mod reproduce;
mod toolchain;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::platform::{self, PLATFORMS, Platform};
use crate::workspace;

/// Options of the command.
#[derive(Debug, Args)]
pub struct Options {
    /// Runtime identifiers; without any, every one.
    #[arg(value_name = "RID", value_parser = platform::named)]
    platforms: Vec<&'static Platform>,
    /// Run each library that was built: the C example resets one backend and a fleet of the emulator over TLS.
    #[arg(long)]
    test: bool,
    /// Build nothing; type-check the library for each platform.
    #[arg(long, conflicts_with_all = ["test", "reproduce"])]
    check: bool,
    /// Build each library a second time, from a copy of the sources in another folder and with another home, and compare.
    #[arg(long)]
    reproduce: bool,
}

/// Where the libraries go.
pub fn directory() -> Result<PathBuf> {
    Ok(workspace::target_directory()?.join("natives"))
}

/// Runs the command. A platform that this machine cannot build for is an error only where it was asked for by
/// its name.
pub fn natives(options: &Options) -> Result<()> {
    let asked = !options.platforms.is_empty();
    let platforms: Vec<&Platform> = if asked {
        options.platforms.clone()
    } else {
        PLATFORMS.iter().collect()
    };
    let mut failures = Vec::new();
    for platform in platforms {
        let rid = platform.rid;
        let build = match build::Build::prepare(platform, !options.check)? {
            Ok(build) => build,
            Err(needs) => {
                println!("{rid}: skipped. {needs}");
                // To type-check everywhere is what the check is for.
                if asked || options.check {
                    failures.push(rid);
                }
                continue;
            }
        };
        if let Err(error) = make(&build, options) {
            println!("{rid}: FAILED. {error:#}");
            failures.push(rid);
        }
    }
    if !failures.is_empty() {
        bail!("{} failed or cannot be built here", failures.join(", "));
    }
    Ok(())
}

fn make(build: &build::Build, options: &Options) -> Result<()> {
    let platform = build.platform();
    let rid = platform.rid;
    if options.check {
        build.check()?;
        println!("{rid}: type-checked as {}", build.target());
        return Ok(());
    }
    let built = build.build()?;
    let bytes = fs::read(&built.library).with_context(|| format!("{} cannot be read", built.library.display()))?;
    let facts = inspect::inspect(platform, &bytes)?;
    inspect::has_audit_data(&bytes)?;
    inspect::names_no_path(&bytes, &build.paths())?;
    let directory = directory()?.join(rid);
    let kept = keep(&built, &directory)?;
    println!("{rid}: built as {}, {facts}", build.target());
    if options.test {
        println!("{rid}: {}", c_example::run(build, &kept)?);
    }
    if options.reproduce {
        reproduce::reproduce(build, &bytes)?;
        println!("{rid}: a build from another folder and home gave the same bytes");
    }
    Ok(())
}

/// Puts what was built into its place, which then holds nothing else. The library's new path.
fn keep(built: &build::Built, directory: &Path) -> Result<PathBuf> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("{} cannot be emptied", directory.display()))?;
    }
    fs::create_dir_all(directory).with_context(|| format!("{} cannot be created", directory.display()))?;
    let mut kept = PathBuf::new();
    for file in built.import_library.iter().chain([&built.library]) {
        kept = directory.join(file.file_name().context("a built file has a name")?);
        fs::copy(file, &kept).with_context(|| format!("{} cannot be written", kept.display()))?;
    }
    Ok(kept)
}
