//! Every seed is a run in which what the callers are told is what the service did.

use simulation::{Plan, run, sweep};

/// How many seeds a run of the tests takes. `SIMULATION_SEEDS` says otherwise: mutants of the core meet a few hundred.
const SEEDS: u64 = 10_000;

fn seeds() -> u64 {
    let asked = std::env::var("SIMULATION_SEEDS").ok();
    asked.map_or(SEEDS, |text| text.parse().expect("SIMULATION_SEEDS is a number"))
}

#[test]
fn what_callers_are_told_is_what_the_service_did() {
    let summary = sweep(seeds());
    assert_eq!(summary.runs, seeds());
    assert_eq!(summary.complaint(), None, "{}", summary.complaint().unwrap_or_default());
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..seeds().min(200) {
        let plan = Plan::of_seed(seed);
        assert_eq!(run(&plan).trace, run(&plan).trace, "cargo xtask simulate --seed {seed}");
    }
}
