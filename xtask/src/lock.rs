//! One process at a time in a piece of work that several may begin at once.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

/// Holds the lock until it is dropped. The system frees it as well when the process ends, however that happens.
pub struct Lock {
    _file: File,
}

/// Waits for the lock that stands beside `path`.
pub fn beside(path: &Path) -> Result<Lock> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = Path::new(&name);
    if let Some(parent) = name.parent() {
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be created", parent.display()))?;
    }
    let file = File::create(name).with_context(|| format!("{} cannot be created", name.display()))?;
    file.lock()
        .with_context(|| format!("{} cannot be locked", name.display()))?;
    Ok(Lock { _file: file })
}
