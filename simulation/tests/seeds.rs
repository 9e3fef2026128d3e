//! Every seed is a run that goes as it should.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use simulation::{Plan, Report, run};

/// How many seeds a run of the tests takes; `SIMULATION_SEEDS` says otherwise.
const SEEDS: u64 = 10_000;

fn seeds() -> u64 {
    let asked = std::env::var("SIMULATION_SEEDS").ok();
    asked.map_or(SEEDS, |text| text.parse().expect("SIMULATION_SEEDS is a number"))
}

#[test]
fn what_callers_are_told_is_what_the_service_did() {
    let next = AtomicU64::new(0);
    let bad: Mutex<Vec<Report>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds() {
                        return;
                    }
                    let report = run(&Plan::of_seed(seed));
                    if !report.violations.is_empty() {
                        bad.lock().expect("no panic").push(report);
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().expect("no panic");
    let mut text = String::new();
    for report in bad.iter().take(5) {
        text += &format!(
            "\ncargo xtask simulate --seed {} shows this:\n  {}\n",
            report.seed,
            report
                .violations
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join("\n  ")
        );
    }
    assert!(bad.is_empty(), "{} of {} seeds failed{text}", bad.len(), seeds());
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..seeds().min(100) {
        let plan = Plan::of_seed(seed);
        assert_eq!(run(&plan).trace, run(&plan).trace, "cargo xtask simulate --seed {seed}");
    }
}
