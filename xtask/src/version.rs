//! `cargo xtask version`: the version of Cargo.toml, written into everything that repeats it.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// The manifests that name the version.
const MANIFESTS: [&str; 2] = [
    "powershell/AzApiManagement.BackendConnection/AzApiManagement.BackendConnection.psd1",
    "powershell/AzApiManagement.Standalone/AzApiManagement.Standalone.psd1",
];

/// Makes this the version of every part.
pub fn set(version: &str) -> Result<()> {
    let numbers: Vec<&str> = version.split('.').collect();
    ensure!(
        numbers.len() == 3
            && numbers
                .iter()
                .all(|number| number.parse::<u16>().is_ok_and(|value| value.to_string() == *number)),
        "{version} is not a version of three numbers"
    );
    let present = workspace::version();
    replace(
        "Cargo.toml",
        &format!("version = \"{present}\"\nedition"),
        &format!("version = \"{version}\"\nedition"),
    )?;
    for manifest in MANIFESTS {
        replace(manifest, &format!("'{present}'"), &format!("'{version}'"))?;
    }
    // Writes the versions of the workspace's packages into Cargo.lock, and leaves the others alone.
    let status = workspace::cargo().args(["update", "--workspace", "--quiet"]).status()?;
    ensure!(status.success(), "cargo update --workspace failed ({status})");
    Ok(())
}

fn replace(file: &str, old: &str, new: &str) -> Result<()> {
    let path = workspace::root().join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("{file} cannot be read"))?;
    ensure!(text.contains(old), "{file} does not have {old}");
    fs::write(&path, text.replace(old, new)).with_context(|| format!("{file} cannot be written"))
}
