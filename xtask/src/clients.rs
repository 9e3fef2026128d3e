//! The official clients against the emulator: each is installed from its registry under `target/clients/` and runs a
//! program of `emulator/sdk/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::emulator::{Emulator, Profile};
use crate::workspace;

/// A client, one major version of it.
struct Client {
    name: &'static str,
    packages: &'static [&'static str],
    /// The program under `emulator/sdk/`; its ending says what runs it.
    script: &'static str,
}

const CLIENTS: [Client; 5] = [
    Client {
        name: "javascript-10",
        packages: &["@azure/arm-apimanagement@10", "@azure/identity@4"],
        script: "javascript.mjs",
    },
    Client {
        name: "javascript-9",
        packages: &["@azure/arm-apimanagement@9", "@azure/identity@4"],
        script: "javascript.mjs",
    },
    Client {
        name: "python-5",
        packages: &["azure-mgmt-apimanagement==5.*", "azure-identity==1.*"],
        script: "python.py",
    },
    Client {
        name: "python-3",
        // It needs six and doesn't say so.
        packages: &["azure-mgmt-apimanagement==3.*", "azure-identity==1.*", "six"],
        script: "python.py",
    },
    Client {
        name: "azure-cli",
        packages: &["azure-cli==2.*"],
        script: "azure_cli.py",
    },
];

/// Runs every client whose name contains `only`, or all.
///
/// # Errors
///
/// A client cannot be installed, or its program fails; the others run all the same.
pub fn clients(only: Option<&str>) -> Result<()> {
    let mut failed = Vec::new();
    for client in CLIENTS
        .iter()
        .filter(|client| only.is_none_or(|part| client.name.contains(part)))
    {
        // One emulator each: they change what it holds.
        let emulator = Emulator::start(Profile::Dev, ["--backends", "250"])?;
        match client.run(&emulator) {
            Ok(text) => println!("{}: {text}", client.name),
            Err(error) => {
                println!("{}: {error:#}", client.name);
                failed.push(client.name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("these clients failed or are missing: {}", failed.join(", "));
    }
    Ok(())
}

impl Client {
    fn run(&self, emulator: &Emulator) -> Result<String> {
        let home = workspace::target_directory()?.join("clients").join(self.name);
        fs::create_dir_all(&home)?;
        let script = workspace::root().join("emulator/sdk").join(self.script);
        let mut command = if self.script.ends_with(".mjs") {
            self.node(&home, &script)?
        } else {
            self.python(&home, &script)?
        };
        command
            .arg(emulator.url())
            .env("NODE_EXTRA_CA_CERTS", emulator.ca())
            .env("REQUESTS_CA_BUNDLE", emulator.ca());
        output(&mut command)
    }

    fn node(&self, home: &Path, script: &Path) -> Result<Command> {
        // npm is a script; on Windows only its shell can start it.
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        if !self.is_installed(home) {
            let mut install = Command::new(npm);
            install
                .args(["install", "--no-audit", "--no-fund", "--silent", "--prefix", "."])
                .args(self.packages);
            output(install.current_dir(home)).context("install Node.js 20 or later (https://nodejs.org)")?;
            self.mark_installed(home)?;
        }
        // Node.js looks for packages beside the script.
        let beside = home.join(self.script);
        fs::copy(script, &beside)?;
        let mut command = Command::new("node");
        command.arg(beside);
        Ok(command)
    }

    fn python(&self, home: &Path, script: &Path) -> Result<Command> {
        let (system, inner) = match cfg!(windows) {
            true => ("python", "Scripts/python.exe"),
            false => ("python3", "bin/python"),
        };
        let python: PathBuf = home.join(inner);
        if !self.is_installed(home) {
            output(Command::new(system).args(["-m", "venv"]).arg(home)).context("install Python 3.10 or later")?;
            output(
                Command::new(&python)
                    .args(["-m", "pip", "install", "--quiet"])
                    .args(self.packages),
            )?;
            self.mark_installed(home)?;
        }
        let mut command = Command::new(python);
        command.arg(script);
        Ok(command)
    }

    fn is_installed(&self, home: &Path) -> bool {
        fs::read_to_string(home.join("installed.txt")).is_ok_and(|text| text == self.packages.join(" "))
    }

    fn mark_installed(&self, home: &Path) -> Result<()> {
        Ok(fs::write(home.join("installed.txt"), self.packages.join(" "))?)
    }
}

/// What a command writes, or why it failed.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let reason: Vec<&str> = text.trim().lines().rev().take(5).collect();
        bail!("{}", reason.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
