//! `cargo xtask header`: the C header, made by cbindgen from `src/ffi/`.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use similar::TextDiff;

use crate::workspace;

/// Where the header is kept.
pub fn path() -> PathBuf {
    workspace::root().join("include").join("apim_backend_connection.h")
}

/// Writes the header.
pub fn write() -> Result<()> {
    let path = path();
    fs::create_dir_all(path.parent().context("the header lies in a directory")?)?;
    fs::write(&path, generate()?).with_context(|| format!("{} cannot be written", path.display()))
}

/// Fails, showing the difference, when the header that is kept is not the one that the sources give.
pub fn check() -> Result<()> {
    let path = path();
    let kept = match fs::read_to_string(&path) {
        // Git may have checked it out with the line ends of Windows.
        Ok(text) => text.replace("\r\n", "\n"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    let made = generate()?;
    if kept == made {
        return Ok(());
    }
    let diff = TextDiff::from_lines(&kept, &made);
    bail!(
        "include/apim_backend_connection.h is not what src/ffi/ gives; run `cargo xtask header`:\n{}",
        diff.unified_diff().header("kept", "made from src/ffi/")
    )
}

fn generate() -> Result<String> {
    let root = workspace::root();
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))
        .map_err(|error| anyhow!("cbindgen.toml cannot be used: {error}"))?;
    let bindings = cbindgen::Builder::new()
        .with_crate(root)
        .with_config(config)
        .generate()
        .context("cbindgen cannot read src/ffi/")?;
    let mut header = Vec::new();
    bindings.write(&mut header);
    let mut header = String::from_utf8(header)?;
    if !header.ends_with('\n') {
        header.push('\n');
    }
    Ok(header)
}
