//! Connections are few and kept. A test of its own process: the HTTP clients of that are what is looked at.

use std::time::Duration;

use apim_emulator::Config;
use test_support::{Session, TestEmulator, item, run};

fn emulator(tls: bool) -> TestEmulator {
    TestEmulator::start(Config {
        backends: 500,
        tls,
        latency: Duration::from_millis(5),
        ..Config::default()
    })
}

/// One test, since how many settings are in use at once counts for the whole process.
#[test]
fn connections_are_few_and_kept_for_each_settings_that_are_in_use() {
    connections_are_few_and_serve_one_session_after_the_other();
    sessions_with_other_settings_take_no_connections_from_each_other();
    settings_that_are_not_used_any_more_keep_no_connection_for_ever();
}

fn connections_are_few_and_serve_one_session_after_the_other() {
    let secure = emulator(true);
    for _ in 0..3 {
        run(&secure.options(), (1..=500).map(item)).assert_all_succeeded();
    }
    assert_eq!(secure.stats().connections, 1, "HTTP/2 over TLS needs one");

    let plain = emulator(false);
    for _ in 0..3 {
        run(&plain.options().window(16), (1..=500).map(item)).assert_all_succeeded();
    }
    let connections = plain.stats().connections;
    // While one is being made another may become free: then both are there.
    assert!(
        (16..=64).contains(&connections),
        "HTTP/1.1 made {connections} connections for 1500 requests"
    );

    let wide = emulator(false);
    for _ in 0..2 {
        run(&wide.options().window(300), (1..=500).map(item)).assert_all_succeeded();
    }
    let stats = wide.stats();
    assert_eq!(stats.open_connections, stats.connections, "none is thrown away");
}

/// Each emulator has a certificate authority of its own.
fn sessions_with_other_settings_take_no_connections_from_each_other() {
    let emulators = [emulator(true), emulator(true), emulator(true)];
    for _ in 0..3 {
        for emulator in &emulators {
            run(&emulator.options(), (1..=10).map(item)).assert_all_succeeded();
        }
    }
    for emulator in &emulators {
        assert_eq!(emulator.stats().connections, 1);
    }
}

fn settings_that_are_not_used_any_more_keep_no_connection_for_ever() {
    let first = emulator(true);
    run(&first.options(), [item(1)]).assert_all_succeeded();
    assert_eq!(first.stats().open_connections, 1);
    let others: Vec<_> = (0..20).map(|_| emulator(true)).collect();
    for other in &others {
        run(&other.options(), [item(1)]).assert_all_succeeded();
    }
    let idle = Session::start(&first.options());
    idle.events_until(|| first.stats().open_connections == 0);
}
