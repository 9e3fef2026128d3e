//! The workspace's commands: `cargo xtask --help` lists them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, clients, demo, header, package, parity, pwsh, simulate, stage};

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
    /// Pack each module into an archive under target/package/.
    Package {
        /// Take the native libraries of other platforms from here: DIR/<runtime identifier>/<library>.
        #[arg(long, value_name = "DIR")]
        native: Option<PathBuf>,
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
        Task::Package { native } => show_package(&package::package(native.as_deref())?),
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
    for archive in &package.archives {
        println!("{}", archive.display());
    }
    println!("native libraries: {}", package.present.join(", "));
    if !package.missing.is_empty() {
        println!(
            "missing: {} (built on those platforms; give them with --native DIR, as DIR/<runtime identifier>/<library>)",
            package.missing.join(", ")
        );
    }
}
