//! Limits that no header shows, the one of all principals, and refusals that pass: through the engine, over sockets. How
//! fast a run is under each is shown in simulated time (core/tests/pacing.rs).

use apim_emulator::{BucketSize, Config, FaultKind, HiddenLimit};
use test_support::{Run, TestEmulator, item, run};

/// Resets that many backends; every one must succeed.
#[track_caller]
fn resets(config: Config, count: u32) -> Run {
    let emulator = TestEmulator::start(Config {
        backends: count,
        ..config
    });
    let run = run(&emulator.options(), (1..=count).map(item));
    run.assert_all_succeeded();
    let refused = emulator.journal().iter().filter(|entry| entry.status == 429).count();
    assert_eq!(run.progress.refusals, refused as u64);
    run
}

#[test]
fn a_limit_that_no_header_shows_is_not_stormed() {
    let hidden_limit = Some(HiddenLimit {
        per_second: 40.0,
        retry_after: 1,
    });
    let run = resets(
        Config {
            hidden_limit,
            ..Config::default()
        },
        120,
    );
    assert!(run.progress.refusals <= 66, "a window, and 2 %: {:?}", run.progress);
}

#[test]
fn the_bucket_of_all_principals_counts_as_the_principals_own_does() {
    let bucket = |capacity, refill_per_second| {
        Some(BucketSize {
            capacity,
            refill_per_second,
        })
    };
    let run = resets(
        Config {
            write_bucket: bucket(1000, 1000.0),
            global_write_bucket: bucket(50, 100.0),
            ..Config::default()
        },
        200,
    );
    assert!(run.progress.refusals <= 5, "{:?}", run.progress);
}

#[test]
fn a_retry_after_that_is_longer_than_the_refill_is_kept() {
    let run = resets(
        Config {
            write_bucket: Some(BucketSize {
                capacity: 20,
                refill_per_second: 50.0,
            }),
            retry_after: Some(2),
            ..Config::default()
        },
        60,
    );
    assert!(run.progress.refusals <= 5, "{:?}", run.progress);
}

#[test]
fn conflicts_that_pass_cost_no_item() {
    resets(
        Config {
            fault_rate: 0.2,
            fault_kinds: vec![FaultKind::Status(409), FaultKind::Status(422)],
            seed: 3,
            ..Config::default()
        },
        200,
    );
}

#[test]
fn connections_that_end_after_a_few_requests_cost_no_item() {
    let run = resets(
        Config {
            requests_per_connection: Some(30),
            ..Config::default()
        },
        300,
    );
    assert_eq!(run.progress.failed, 0);
}
