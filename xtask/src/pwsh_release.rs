//! Fetches the official PowerShell release into the target directory.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{download, lock, platform, workspace};

const VERSION: &str = "7.5.4";

/// The archives of the release with their SHA-256, as its own `hashes.sha256` gives them.
const ARCHIVES: [(&str, &str, &str); 6] = [
    (
        "linux-x64",
        "powershell-7.5.4-linux-x64.tar.gz",
        "1fd7983fe56ca9e6233f126925edb24bf6b6b33e356b69996d925c4db94e2fef",
    ),
    (
        "linux-arm64",
        "powershell-7.5.4-linux-arm64.tar.gz",
        "4b32d4cb86a43dfb83d5602d0294295bf22fafbf9e0785d1aaef81938cda92f8",
    ),
    (
        "osx-x64",
        "powershell-7.5.4-osx-x64.tar.gz",
        "cd16a04c1b99cdacbdc0337b0fd0da50dbf1a8b4e8437bcb4ca9118ef729211a",
    ),
    (
        "osx-arm64",
        "powershell-7.5.4-osx-arm64.tar.gz",
        "3aaadd7ca62f1e4dbe59145b6af24e926d61f8da8a4782bc535e500c184135f0",
    ),
    (
        "win-x64",
        "PowerShell-7.5.4-win-x64.zip",
        "b40d192ae95ba6ccc4cc362ff4e1b18ca6fb5055bebbcd3920684e12701fa8f6",
    ),
    (
        "win-arm64",
        "PowerShell-7.5.4-win-arm64.zip",
        "0c0b2bf04e853917508280531cd49bba8b3049837e3c805ebc042e2741ca52b3",
    ),
];

/// The release's program, from an earlier fetch or a new one.
pub(crate) fn fetch() -> Result<PathBuf> {
    let home = workspace::target_directory()?.join("pwsh").join(VERSION);
    let program = home.join(program());
    let _lock = lock::beside(&home)?;
    if program.is_file() {
        return Ok(program);
    }
    let rid = platform::host()?.rid;
    let (_, name, sha256) = ARCHIVES
        .iter()
        .find(|(of, ..)| *of == rid)
        .with_context(|| format!("no PowerShell archive is known for {rid}"))?;
    let url = format!("https://github.com/PowerShell/PowerShell/releases/download/v{VERSION}/{name}");
    eprintln!("Fetching PowerShell {VERSION} from {url}");
    let archive = download::download(&url)?;
    check(&archive, sha256).with_context(|| format!("{name} from {url} was not used"))?;

    // Unpacked beside its place and moved there whole: an interrupted run leaves no half of a PowerShell.
    let new = home.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new).with_context(|| format!("{} cannot be removed", new.display()))?;
    }
    unpack(name, archive, &new).with_context(|| format!("{name} cannot be unpacked into {}", new.display()))?;
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("{} cannot be removed", home.display()))?;
    }
    fs::rename(&new, &home).with_context(|| format!("{} cannot be moved to {}", new.display(), home.display()))?;
    Ok(program)
}

/// The file name of PowerShell's program on this system.
pub(crate) fn program() -> &'static str {
    if cfg!(windows) { "pwsh.exe" } else { "pwsh" }
}

fn check(archive: &[u8], sha256: &str) -> Result<()> {
    let found: String = Sha256::digest(archive)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found != sha256 {
        bail!("its SHA-256 is {found}, and should be {sha256}");
    }
    Ok(())
}

fn unpack(name: &str, archive: Vec<u8>, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    if name.ends_with(".zip") {
        zip::ZipArchive::new(Cursor::new(archive))?.extract(to)?;
    } else {
        tar::Archive::new(flate2::read::GzDecoder::new(Cursor::new(archive))).unpack(to)?;
    }
    make_executable(&to.join(program()))
}

/// The archives for Unix carry the program without its executable bit.
#[cfg(unix)]
fn make_executable(program: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let file = File::open(program)?;
    let mut permissions = file.metadata()?.permissions();
    permissions.set_mode(permissions.mode() | 0o755);
    Ok(file.set_permissions(permissions)?)
}

#[cfg(not(unix))]
fn make_executable(program: &Path) -> Result<()> {
    File::open(program).map(drop)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn every_platform_has_an_archive() {
        // PowerShell has one for musl on x64 only, and nobody has tried the modules with it.
        for platform in platform::PLATFORMS
            .iter()
            .filter(|platform| platform.libc != Some(platform::Libc::Musl))
        {
            let (_, name, sha256) = ARCHIVES.iter().find(|(rid, ..)| *rid == platform.rid).unwrap();
            assert!(name.contains(VERSION) && name.contains(platform.rid), "{name}");
            assert!(
                sha256.len() == 64 && sha256.chars().all(|c| c.is_ascii_hexdigit()),
                "{sha256}"
            );
        }
    }

    #[test]
    fn an_archive_with_another_hash_is_refused() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        check(b"", empty).unwrap();
        let error = check(b"x", empty).unwrap_err().to_string();
        assert!(error.contains(empty), "{error}");
    }

    #[test]
    fn a_tar_archive_is_unpacked_with_a_program_that_runs() {
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        archive.append_data(&mut header, program(), &b"#!"[..]).unwrap();
        let archive = archive.into_inner().unwrap().finish().unwrap();
        let to = env::temp_dir().join(format!("pwsh-unpacked-{}", std::process::id()));
        unpack("pwsh.tar.gz", archive, &to).unwrap();
        let program = to.join(program());
        assert_eq!(fs::read(&program).unwrap(), b"#!");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o111, 0o111);
        }
        fs::remove_dir_all(&to).unwrap();
    }
}
