//! Finds a PowerShell that can run the modules, or fetches one.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Result, bail};

use crate::{pwsh_release, workspace};

/// The oldest PowerShell that the modules support.
const OLDEST: (u32, u32) = (7, 4);

/// How a user gets PowerShell where none can be found or fetched.
pub const HOW_TO_GET: &str = "Install PowerShell 7.4 or later (https://learn.microsoft.com/powershell/scripting/install/\
    installing-powershell) or set PWSH to the path of its program.";

/// A PowerShell that was found.
#[derive(Debug, Clone)]
pub struct Pwsh {
    /// The program.
    pub path: PathBuf,
    /// Its version, as it says it.
    pub version: String,
}

impl Pwsh {
    /// A command of this PowerShell that reads no profile and asks nothing.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["-NoProfile", "-NonInteractive"]);
        // PowerShell asks its maker for updates at the start otherwise, and reports its use.
        command
            .env("POWERSHELL_UPDATECHECK", "Off")
            .env("POWERSHELL_TELEMETRY_OPTOUT", "1");
        command
    }
}

/// The PowerShell to use: `$PWSH`, else one on PATH, in a usual place or in `../shared/pwsh/`, else the official
/// release, fetched into the target directory. Looked for once in a process.
pub fn find() -> Result<&'static Pwsh> {
    static FOUND: OnceLock<Result<Pwsh, String>> = OnceLock::new();
    match FOUND.get_or_init(|| look().map_err(|error| format!("{error:#}"))) {
        Ok(pwsh) => Ok(pwsh),
        Err(error) => bail!("{error}"),
    }
}

fn look() -> Result<Pwsh> {
    if let Some(path) = env::var_os("PWSH").filter(|path| !path.is_empty()) {
        // Named by the user: to take another one in its place would be a surprise.
        return probe(&PathBuf::from(&path)).map_err(|why| {
            anyhow::anyhow!(
                "PWSH is '{}', which {why}. Set it to a PowerShell of 7.4 or later.",
                path.display()
            )
        });
    }
    let mut refused = Vec::new();
    for path in on_path().chain(usual_places()).filter(|path| path.is_file()) {
        match probe(&path) {
            Ok(pwsh) => return Ok(pwsh),
            Err(why) => refused.push(format!("{} {why}", path.display())),
        }
    }
    match pwsh_release::fetch() {
        Ok(path) => probe(&path).map_err(|why| {
            anyhow::anyhow!(
                "The PowerShell that was fetched, {}, {why}. {HOW_TO_GET}",
                path.display()
            )
        }),
        Err(error) => {
            let refused: String = refused.iter().map(|one| format!(" ({one}.)")).collect();
            bail!("No PowerShell was found,{refused} and none could be fetched: {error:#}. {HOW_TO_GET}")
        }
    }
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join(pwsh_release::program()))
        .collect::<Vec<_>>()
        .into_iter()
}

fn usual_places() -> impl Iterator<Item = PathBuf> {
    let mut places = Vec::new();
    let of_variable = |name: &str, rest: &str| env::var_os(name).map(|base| Path::new(&base).join(rest));
    if cfg!(windows) {
        places.extend(of_variable("ProgramFiles", r"PowerShell\7"));
        places.extend(of_variable("ProgramW6432", r"PowerShell\7"));
        places.extend(of_variable("LOCALAPPDATA", r"Microsoft\WindowsApps"));
        places.extend(of_variable("USERPROFILE", r".dotnet\tools"));
    } else {
        places.extend(
            [
                "/usr/bin",
                "/usr/local/bin",
                "/opt/microsoft/powershell/7",
                "/usr/local/microsoft/powershell/7",
                "/opt/homebrew/bin",
                "/home/linuxbrew/.linuxbrew/bin",
                "/snap/bin",
            ]
            .map(PathBuf::from),
        );
        places.extend(of_variable("HOME", ".dotnet/tools"));
    }
    places.extend(
        workspace::root()
            .parent()
            .map(|beside| beside.join("shared").join("pwsh")),
    );
    places
        .into_iter()
        .map(|directory| directory.join(pwsh_release::program()))
}

/// Asks a program for its version: the PowerShell, or what is wrong with it, as the end of a sentence.
fn probe(path: &Path) -> Result<Pwsh, String> {
    let output = Command::new(path)
        .arg("-Version")
        .env("POWERSHELL_TELEMETRY_OPTOUT", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(version) = text.trim().strip_prefix("PowerShell ") else {
        return Err("does not answer -Version as PowerShell does".into());
    };
    if !is_supported(version) {
        return Err(format!("is PowerShell {version}, older than 7.4"));
    }
    Ok(Pwsh {
        path: absolute(path),
        version: version.to_owned(),
    })
}

fn is_supported(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

/// The same file from any working directory. A bare name, found through PATH by the system, stays as it is.
fn absolute(path: &Path) -> PathBuf {
    if path.parent() == Some(Path::new("")) && path.file_name() != Some(OsStr::new("")) {
        return path.to_owned();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_7_4_are_refused() {
        for (version, supported) in [
            ("7.4.0", true),
            ("7.6.0", true),
            ("7.10.1-preview.2", true),
            ("8.0.0-rc.1", true),
            ("7.3.12", false),
            ("6.2.7", false),
            ("new", false),
        ] {
            assert_eq!(is_supported(version), supported, "{version}");
        }
    }

    #[test]
    fn a_program_that_is_no_powershell_is_told_apart() {
        let why = probe(&env::current_exe().unwrap()).unwrap_err();
        assert!(why.contains("does not answer"), "{why}");
        let why = probe(Path::new("no-such-directory/pwsh")).unwrap_err();
        assert!(why.contains("cannot be started"), "{why}");
    }
}
