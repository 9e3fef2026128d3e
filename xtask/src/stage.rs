//! `cargo xtask stage`: the modules as a user would have them installed, in `target/module/`.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::workspace::{self, Build};
use crate::{lock, platform};

/// The module that has the cmdlet and carries the native libraries.
pub const MAIN_MODULE: &str = "AzApiManagement.BackendConnection";

/// The file of the main module that both modules read at the first call.
const JOINED_FILE: &str = "Engine.ps1";

/// What was staged.
#[derive(Debug, Clone)]
pub struct Staged {
    /// The directory to put into `PSModulePath`.
    pub modules: PathBuf,
    /// The native library of this machine, inside the main module.
    pub library: PathBuf,
}

impl Staged {
    /// `PSModulePath` with the staged modules before all others.
    pub fn module_path(&self) -> OsString {
        let present = env::var_os("PSModulePath").unwrap_or_default();
        let all = [self.modules.clone()].into_iter().chain(env::split_paths(&present));
        // A directory that holds the separator cannot be in the variable; then it is not in it now either.
        env::join_paths(all).unwrap_or_else(|_| self.modules.clone().into())
    }
}

/// Builds the native library and brings `target/module/` up to date with it and with `powershell/`.
///
/// Files that are the same stay untouched, so that a process which has loaded them is not disturbed. Any number of
/// processes may call this at once.
pub fn stage() -> Result<Staged> {
    let built = workspace::build(Build::SharedLibrary(workspace::LIBRARY_PACKAGE))?;
    let platform = platform::host()?;
    let modules = workspace::target_directory()?.join("module");
    let _lock = lock::beside(&modules)?;

    let source = workspace::root().join("powershell");
    let mut wanted = BTreeSet::new();
    let private = Path::new(MAIN_MODULE).join("Private");
    let mut parts = Vec::new();
    for file in files_below(&source)? {
        let relative = file
            .strip_prefix(&source)
            .expect("the file was found below it")
            .to_owned();
        // A native library that someone has put among the sources is not the one that was just built.
        if relative.iter().any(|part| part == "runtimes") {
            continue;
        }
        if relative.parent() == Some(&private) {
            parts.push(file);
            continue;
        }
        update(&file, &modules.join(&relative))?;
        wanted.insert(relative);
    }
    let joined = Path::new(MAIN_MODULE).join(JOINED_FILE);
    update_to(&join(&parts)?, &modules.join(&joined))?;
    wanted.insert(joined);
    let library = Path::new(MAIN_MODULE)
        .join("runtimes")
        .join(platform.rid)
        .join("native")
        .join(platform.library);
    update(&built, &modules.join(&library))?;
    wanted.insert(library.clone());

    for file in files_below(&modules)? {
        let relative = file.strip_prefix(&modules).expect("the file was found below it");
        if !wanted.contains(relative) {
            fs::remove_file(&file).with_context(|| format!("{} cannot be removed", file.display()))?;
        }
    }
    Ok(Staged {
        library: modules.join(library),
        modules,
    })
}

/// As [`stage`], once in a process however many tests call it.
pub fn staged() -> Result<&'static Staged> {
    static STAGED: OnceLock<Result<Staged, String>> = OnceLock::new();
    match STAGED.get_or_init(|| stage().map_err(|error| format!("{error:#}"))) {
        Ok(staged) => Ok(staged),
        Err(error) => bail!("{error}"),
    }
}

/// Every file below a directory, in a fixed order.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).with_context(|| format!("{} cannot be read", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The private functions of the modules as one file, which costs less to read than many.
///
/// A module reads it from inside a function, where only what names the script scope outlasts that function.
fn join(parts: &[PathBuf]) -> Result<Vec<u8>> {
    let mut joined = String::from("# Joined by `cargo xtask stage` from the files of Private/ in the source.\n");
    for part in parts {
        let text = fs::read_to_string(part).with_context(|| format!("{} cannot be read", part.display()))?;
        for line in text.lines() {
            match line.strip_prefix("function ") {
                Some(rest) if !rest.starts_with("script:") => joined.push_str(&format!("function script:{rest}\n")),
                _ => joined.push_str(&format!("{line}\n")),
            }
        }
    }
    Ok(joined.into_bytes())
}

/// Makes `to` a copy of `from`, in one step, unless it is one.
fn update(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
    update_to(&bytes, to)
}

/// Gives `to` this content, in one step, unless it has it.
fn update_to(bytes: &[u8], to: &Path) -> Result<()> {
    match fs::read(to) {
        Ok(present) if present == bytes => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", to.display())),
    }
    let parent = to.parent().context("a staged file lies in a directory")?;
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be created", parent.display()))?;
    let mut new = to.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    fs::write(&new, bytes).with_context(|| format!("{} cannot be written", new.display()))?;
    fs::rename(&new, to).with_context(|| {
        format!(
            "{} cannot be replaced; end the processes that have it loaded, then try again",
            to.display()
        )
    })
}
