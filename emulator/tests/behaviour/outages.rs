//! Connections that end and requests that nothing answers.

use std::time::{Duration, Instant};

use apim_emulator::{Config, Limits, Outage, OutageKind};
use reqwest::{Method, Version};
use serde_json::json;

use crate::client::{Client, http_client};

const LONG: Duration = Duration::from_secs(3600);

async fn fails_to_connect(client: &Client) -> bool {
    let error = client.reconnect("1").send().await.expect_err("an outage");
    error.is_connect()
}

#[tokio::test]
async fn an_outage_swallows_requests_until_it_ends() {
    for (kind, tls) in [
        (OutageKind::Reset, false),
        (OutageKind::Reset, true),
        (OutageKind::Refuse, false),
        (OutageKind::Refuse, true),
    ] {
        let client = Client::start(Config {
            backends: 1,
            tls,
            outage: Some(Outage {
                after_requests: 2,
                length: LONG,
                kind,
            }),
            ..Config::default()
        });
        assert_eq!(client.reset("1").await.status, 202);
        assert_eq!(client.reset("1").await.status, 202);
        assert!(!fails_to_connect(&client).await, "the connection was there");
        // One that connects at the very moment is reset; those after it find nobody.
        let mut refused = false;
        for _ in 0..50 {
            refused |= fails_to_connect(&client).await;
        }
        assert!(refused || kind == OutageKind::Reset);
        client.emulator.end_outage();
        // The listener may need a moment to be there again.
        while client.reconnect("1").send().await.is_err() {}
        let statuses: Vec<u16> = client.emulator.journal().iter().map(|entry| entry.status).collect();
        assert_eq!(statuses, [202, 202, 0, 202], "{kind:?}, TLS: {tls}");
    }
}

#[tokio::test]
async fn an_outage_ends_in_time() {
    for kind in ["reset", "refuse"] {
        let client = Client::plain();
        let outage = json!({ "ms": 60, "afterRequests": 1, "kind": kind });
        assert_eq!(client.control(Method::POST, "/outage", &outage).await.status, 204);
        assert_eq!(client.reset("1").await.status, 202);
        let start = Instant::now();
        while client.reconnect("1").send().await.is_err() {}
        assert!(start.elapsed() >= Duration::from_millis(60), "{:?}", start.elapsed());
        let refused = client.control(Method::POST, "/outage", &json!({ "kind": kind })).await;
        assert_eq!(refused.status, 400, "a length is needed");
    }
}

#[tokio::test]
async fn an_outage_takes_what_is_being_worked_on() {
    let client = Client::plain();
    let fault = apim_emulator::FaultAction::Stall;
    client.emulator.add_fault(apim_emulator::Fault::new("", fault));
    let stalled = tokio::spawn(client.reconnect("1").send());
    client.until(|stats| stats["running"] == 1).await;
    client.emulator.begin_outage(OutageKind::Reset, LONG);
    assert!(stalled.await.expect("no panic").is_err());
    client.emulator.end_outage();
    assert_eq!(client.emulator.stats().running, 0);
}

#[tokio::test]
async fn a_connection_ends_after_so_many_requests() {
    for (tls, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
        let client = Client::start(Config {
            backends: 1,
            tls,
            requests_per_connection: Some(2),
            ..Config::default()
        });
        for _ in 0..6 {
            let answer = client.reconnect("1").send().await.expect("an answer");
            assert_eq!((answer.status().as_u16(), answer.version()), (202, version));
        }
        let connections = client.emulator.stats().connections;
        // Over HTTP/2 a request may be on its way while GOAWAY comes; it is answered too.
        let fewest = if tls { 2 } else { 3 };
        assert!((fewest..=3).contains(&connections), "TLS: {tls}, {connections}");
        client.emulator.set_limits(Limits::default()).expect("limits");
        for _ in 0..6 {
            assert_eq!(client.reset("1").await.status, 202);
        }
        assert!(client.emulator.stats().connections <= 4, "TLS: {tls}");
    }
}

#[tokio::test]
async fn a_body_needs_a_length_over_http_1() {
    let client = Client::start(Config {
        backends: 1,
        tls: true,
        ..Config::default()
    });
    let old = http_client(&client.emulator, reqwest::ClientBuilder::http1_only);
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let request = client.arm(method, "/backends/1").build().expect("a request");
        let answer = old
            .execute(request.try_clone().expect("no body"))
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 411);
        assert!(answer.headers()["content-type"].as_bytes().starts_with(b"text/html"));
        let newer = client.http.execute(request).await.expect("an answer");
        assert_ne!(newer.status(), 411, "HTTP/2 has lengths of its own");
    }
    assert_eq!(
        old.execute(client.reconnect("1").build().expect("a request"))
            .await
            .expect("an answer")
            .status(),
        202
    );
}
