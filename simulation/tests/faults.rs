//! Faults of every kind, of which the service has enough to give.

use std::time::Duration;

use simulation::{Plan, run};

/// One in twenty requests meets a fault: a 503, a 429 that no limit is behind, a broken connection, or silence.
fn faulty(seed: u64, items: usize, latency: Duration) -> Plan {
    let mut plan = Plan::calm(seed, items);
    plan.latency = latency;
    plan.timeout = Duration::from_secs(1);
    plan.errors = 0.0125;
    plan.strays = 0.0125;
    plan.breaks_before = 0.0125;
    plan.stalls = 0.0125;
    plan
}

#[test]
fn of_every_kind_at_once_cost_little_time() {
    let mut slow = Vec::new();
    for latency in [1, 5, 20, 100] {
        for items in [1000, 10_000] {
            for seed in 0..20 {
                let report = run(&faulty(seed, items, Duration::from_millis(latency)));
                assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
                assert_eq!(report.ended, [items as u64, 0, 0], "{report:?}");
                let window = items as f64 * latency as f64 / 1000.0 / 64.0;
                let took = report.took.as_secs_f64();
                if took > 2.0 * window + 15.0 {
                    slow.push(format!(
                        "{items} items, {latency} ms, seed {seed}: {took:.1} s, {} refused",
                        report.refusals
                    ));
                }
            }
        }
    }
    assert!(slow.is_empty(), "{} runs are slow:\n{}", slow.len(), slow.join("\n"));
}
