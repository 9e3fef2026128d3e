//! An endpoint that is gone, or was never there.

use std::time::Duration;

use simulation::{Plan, Report, run};

#[track_caller]
fn good(plan: &Plan) -> Report {
    let report = run(plan);
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    report
}

fn seconds(from: f64, lasts: f64) -> (Duration, Duration) {
    (Duration::from_secs_f64(from), Duration::from_secs_f64(lasts))
}

#[test]
fn an_outage_fails_no_item_and_is_probed_with_one_request_at_a_time() {
    for seed in 0..20 {
        let mut plan = Plan::calm(seed, 5000);
        plan.outages = vec![seconds(0.5, 30.0)];
        let report = good(&plan);
        assert_eq!(report.ended, [5000, 0, 0], "{report:?}");
        // The window that was out when it began, and a probe every few seconds.
        assert!(report.requests < 5000 + 64 + 40, "{report:?}");
        assert!(report.took < Duration::from_secs(70), "{report:?}");
    }
}

#[test]
fn an_outage_of_ten_minutes_ends_the_session() {
    for seed in 0..5 {
        let mut plan = Plan::calm(seed, 5000);
        plan.outages = vec![seconds(0.5, 3000.0)];
        let report = good(&plan);
        assert_eq!(report.fatal, 1, "{report:?}");
        let late = Duration::from_secs(1);
        assert!(report.took >= Duration::from_secs(600), "{report:?}");
        assert!(report.took <= Duration::from_secs(601) + late, "{report:?}");
    }
}

#[test]
fn an_endpoint_that_was_never_reached_gets_five_attempts_over_all_items() {
    for (items, sessions) in [(1, 1), (80, 1), (2000, 3)] {
        let mut plan = Plan::calm(1, items);
        plan.sessions = sessions;
        plan.outages_refuse = true;
        plan.outages = vec![seconds(0.0, 3000.0)];
        let report = good(&plan);
        assert_eq!(report.fatal, sessions, "{report:?}");
        assert_eq!(
            report.ended[1], sessions as u64,
            "the item that shows it fails: {report:?}"
        );
        assert!(report.requests as usize <= 5 * sessions, "{report:?}");
    }
}

#[test]
fn a_single_item_does_not_wait_for_the_end_of_an_outage() {
    // The second step meets the outage, and there is no other item.
    let mut plan = Plan::calm(3, 1);
    plan.settings = 1.0;
    plan.outages = vec![seconds(0.03, 3000.0)];
    for seed in 0..20 {
        plan.seed = seed;
        let report = good(&plan);
        assert!(report.took < Duration::from_secs(200), "{report:?}");
    }
}
