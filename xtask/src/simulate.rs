//! `cargo xtask simulate`: the core against a simulated service, seed by seed.

use anyhow::{Result, bail};
use clap::Args;
use simulation::{Plan, run, sweep};

/// Options of the command.
#[derive(Debug, Args)]
pub struct Options {
    /// How many seeds to run, from 0 on
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    seeds: u64,
    /// Run this seed alone, twice, and show its plan and what came of it
    #[arg(long, value_name = "S", conflicts_with = "seeds")]
    seed: Option<u64>,
}

/// Runs the seeds and prints the counts; a seed that goes wrong is an error.
pub fn simulate(options: &Options) -> Result<()> {
    if let Some(seed) = options.seed {
        return one(seed);
    }
    let summary = sweep(options.seeds);
    let [succeeded, failed, cancelled] = summary.ended;
    println!(
        "{} seeds: {succeeded} items succeeded, {failed} failed, {cancelled} were cancelled.",
        summary.runs
    );
    println!(
        "{} requests, of which {} were refused with 429.",
        summary.requests, summary.refusals
    );
    if let Some((ratio, seed)) = summary.worst_ratio {
        println!("Longest run against the shortest possible one: {ratio:.3} (seed {seed}).");
    }
    match summary.complaint() {
        None => Ok(()),
        Some(complaint) => bail!(complaint),
    }
}

fn one(seed: u64) -> Result<()> {
    let plan = Plan::of_seed(seed);
    let report = run(&plan);
    println!("{plan:#?}\n{report:#?}");
    let again = run(&plan);
    if again.trace != report.trace {
        bail!("seed {seed} gave another run the second time");
    }
    if !report.violations.is_empty() {
        bail!("seed {seed} has {} violations", report.violations.len());
    }
    Ok(())
}
