//! Connections are few and kept. A test of its own process: its one HTTP client is what is looked at.

use std::time::Duration;

use apim_emulator::Config;
use test_support::{TestEmulator, item, run};

fn emulator(tls: bool) -> TestEmulator {
    TestEmulator::start(Config {
        backends: 500,
        tls,
        latency: Duration::from_millis(5),
        ..Config::default()
    })
}

/// One test, since tests beside it would have the process's client made anew.
#[test]
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
}
