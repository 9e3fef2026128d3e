//! The pace of whole sessions, several of them and several processes, against the limits of one principal.

use std::time::Duration;

use simulation::{Hidden, Plan, Report, run};

#[track_caller]
fn good(plan: &Plan) -> Report {
    let report = run(plan);
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    report
}

#[test]
fn processes_that_share_a_bucket_whose_headers_tell_the_truth() {
    let shapes = [(1, 1), (2, 1), (4, 1), (8, 1), (1, 4), (2, 2)];
    for (processes, sessions) in shapes {
        for latency in [20, 100] {
            for seed in 0..3 {
                let mut plan = Plan::calm(seed, 1000);
                plan.processes = processes;
                plan.sessions = sessions;
                plan.latency = Duration::from_millis(latency);
                plan.bucket = Some((200.0, 10.0));
                let report = good(&plan);
                let ratio = report.took.as_secs_f64() / report.bound.as_secs_f64();
                let refused = report.refusals as f64 / report.requests as f64;
                let text = format!("{processes} processes of {sessions}, {latency} ms, seed {seed}: {report:?}");
                assert!(ratio <= 1.05 && refused <= 0.01, "{ratio:.3}, {refused:.4}; {text}");
            }
        }
    }
}

#[test]
fn a_hidden_limit_of_one_subscription_slows_no_other() {
    for seed in 0..5 {
        let mut plan = Plan::calm(seed, 2000);
        plan.subscriptions = 4;
        let free = good(&plan);
        plan.hidden = Some(Hidden {
            per_second: 4.0,
            retry_after: Duration::from_secs(5),
        });
        let report = good(&plan);
        assert!(report.last_let_through[0] > Duration::from_secs(60), "{report:?}");
        for (subscription, last) in report.last_let_through.iter().enumerate().skip(1) {
            let without = free.last_let_through[subscription];
            assert!(
                *last <= without.mul_f64(1.2),
                "{last:?} against {without:?}, seed {seed}"
            );
        }
    }
}

#[test]
fn items_fail_of_429s_only_after_five_minutes_in_which_nothing_went_through() {
    for seed in 0..5 {
        let mut plan = Plan::calm(seed, 100);
        plan.strays = 1.0;
        let report = good(&plan);
        assert_eq!(report.ended, [0, 100, 0], "{report:?}");
        assert!(report.took >= Duration::from_secs(300), "{report:?}");
        plan.strays = 0.5;
        let report = good(&plan);
        assert_eq!(report.ended, [100, 0, 0], "{report:?}");
    }
}
