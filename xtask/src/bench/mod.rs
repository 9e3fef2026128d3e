//! `cargo xtask bench`: what the product costs, each figure beside that of a baseline from the same run.

mod baselines;
mod chart;
mod report;
mod rows;
mod sample;
mod setup;

use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace;
use baselines::Tools;
use report::Report;
use rows::ROWS;
use setup::Bench;

/// Options of the command.
#[derive(Debug, Args)]
pub struct Options {
    /// Rows to measure, by name; none: all of them
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Fewer requests and fewer runs, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Paired runs of each row, whose medians count [default: 5, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
}

/// Measures, prints the results and keeps them: under `docs/bench/` those of a whole run, under `target/bench/` others.
pub fn bench(options: &Options) -> Result<()> {
    let names = ROWS.map(|row| row.name);
    if let Some(unknown) = options.rows.iter().find(|row| !names.contains(&row.as_str())) {
        bail!("there is no row '{unknown}'; there are {}", names.join(", "));
    }
    let bench = Bench {
        tools: Tools::prepare()?,
        quick: options.quick,
        repeat: options.repeat.unwrap_or(if options.quick { 1 } else { 5 }),
    };
    let mut report = Report::new(&bench);
    report.print_machine();
    for row in ROWS
        .iter()
        .filter(|row| options.rows.is_empty() || options.rows.iter().any(|name| name == row.name))
    {
        eprintln!("measuring {}", row.name);
        let measured = (row.measure)(&bench).with_context(|| format!("row {}", row.name))?;
        report.add(row, measured);
    }
    report.print_targets();

    let whole = options.rows.is_empty() && !options.quick;
    let directory = if whole {
        workspace::root().join("docs").join("bench")
    } else {
        workspace::target_directory()?.join("bench")
    };
    fs::create_dir_all(&directory)?;
    for (name, text) in [
        ("results.json", report.to_json()?),
        ("results.svg", chart::draw(&report)),
    ] {
        let file = directory.join(name);
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}
