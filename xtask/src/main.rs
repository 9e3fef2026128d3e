//! The workspace's commands: `cargo xtask --help` lists them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, clients, demo, header, natives, package, parity, pwsh, simulate, stage, version, workspace};

/// Tasks of this workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the native library and put the modules into target/module/, as a user would have them installed.
    Stage,
    /// Run the help page's examples and a fleet in PowerShell against the emulator, showing what was sent.
    Demo,
    /// Build the native library for every platform that this machine can build it for, into target/natives/.
    Natives(natives::Options),
    /// Pack the modules, the C archives and what goes with them into target/package/.
    Package(package::Options),
    /// Set the version of every part, or say what it is.
    Version {
        /// The new version, as 1.2.3.
        version: Option<String>,
    },
    /// Replay recorded exchanges against the emulator, and show what its ledger doesn't explain.
    Parity {
        /// The folder with the recordings.
        folder: PathBuf,
    },
    /// Install the official SDKs and the Azure CLI under target/clients/ and run them against the emulator.
    Clients {
        /// Only those whose names contain this.
        only: Option<String>,
    },
    /// Measure what the product costs, beside baselines.
    Bench(bench::Options),
    /// Run the engine's core against a simulated service, under virtual time.
    Simulate(simulate::Options),
    /// Make include/apim_backend_connection.h from src/ffi/.
    Header {
        /// Write nothing; fail when the header that is kept is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Print the path of the PowerShell that tests and demo use, fetching one where there is none.
    Pwsh,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Stage => println!("{}", stage::stage()?.modules.display()),
        Task::Demo => demo::demo()?,
        Task::Natives(options) => natives::natives(&options)?,
        Task::Package(options) => show_package(&package::package(&options)?),
        Task::Version { version: None } => println!("{}", workspace::version()),
        Task::Version { version: Some(version) } => version::set(&version)?,
        Task::Parity { folder } => parity::parity(&folder)?,
        Task::Clients { only } => clients::clients(only.as_deref())?,
        Task::Bench(options) => bench::bench(&options)?,
        Task::Simulate(options) => simulate::simulate(&options)?,
        Task::Header { check: true } => header::check()?,
        Task::Header { check: false } => header::write()?,
        Task::Pwsh => println!("{}", pwsh::find()?.path.display()),
    }
    Ok(())
}

fn show_package(package: &package::Package) {
    for file in &package.files {
        println!("{}", file.display());
    }
    println!("native libraries: {}", package.present.join(", "));
    if !package.missing.is_empty() {
        println!(
            "missing: {} (`cargo xtask natives` says what each needs)",
            package.missing.join(", ")
        );
    }
    for remark in &package.remarks {
        println!("note: {remark}");
    }
}
