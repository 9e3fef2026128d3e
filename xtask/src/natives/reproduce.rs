//! A second build, from a copy of the sources in another folder and with another home: it must give the same bytes.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::build::Build;
use crate::workspace;

/// Builds once more and compares.
pub fn reproduce(build: &Build, first: &[u8]) -> Result<()> {
    let place = build.tools().path("another place");
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("{} cannot be removed", place.display()))?;
    }
    let sources = place.join("sources of it");
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace::root())
        .output()
        .context("git cannot be started")?;
    ensure!(
        listed.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (workspace::root().join(name), sources.join(name));
        // A file that was removed and is not committed yet is still listed.
        if from.is_file() {
            fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            fs::copy(&from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
        }
    }
    let second = build.elsewhere(&sources, &place.join("home")).build()?;
    let second = fs::read(&second.library)?;
    if first != second {
        let kept = place.join(build.platform().library);
        fs::write(&kept, &second)?;
        bail!("a second build gave other bytes: {}", kept.display());
    }
    fs::remove_dir_all(&place).with_context(|| format!("{} cannot be removed", place.display()))
}
