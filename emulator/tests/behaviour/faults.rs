//! Faults by rate, by hand, and latency.

use std::time::{Duration, Instant};

use apim_emulator::{Config, Fault, FaultAction, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, http_client, reply};

async fn set(client: &Client, fault: Value) -> u16 {
    reply(client.request(Method::POST, "/_emulator/faults").json(&fault))
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn a_status_set_by_hand_strikes_what_matches_as_often_as_asked() {
    let client = Client::plain();
    let fault = json!({ "match": "/BACKENDS/2/", "status": 503, "retryAfter": 7, "times": 2 });
    assert_eq!(set(&client, fault).await, 204);
    assert_eq!(client.reset("1").await.status, 202);
    for _ in 0..2 {
        let struck = client.reset("2").await;
        assert_eq!((struck.status.as_u16(), struck.code()), (503, "ServiceUnavailable"));
        assert_eq!(struck.header("retry-after"), "7");
        assert_eq!(struck.header("x-ms-request-id").len(), 36);
    }
    assert_eq!(client.reset("2").await.status, 202);
    assert_eq!(client.emulator.stats().faults, 2);
}

#[tokio::test]
async fn a_fault_can_say_what_the_error_is() {
    let client = Client::plain();
    let details = json!([{ "code": "Inner", "target": "url", "message": "bad" }]);
    set(
        &client,
        json!([
            { "method": "patch", "status": 409, "code": "Busy", "message": "Later.", "details": details },
            { "method": "GET", "status": 502, "body": "<html>no JSON</html>" },
            { "method": "GET", "status": 500, "body": { "odd": true } }
        ]),
    )
    .await;
    let patch = client
        .arm(Method::PATCH, "/backends/1")
        .header("if-match", "*")
        .json(&json!({ "properties": { "title": "T" } }));
    let struck = reply(patch).await;
    assert_eq!(struck.status, 409);
    assert_eq!(
        struck.body,
        json!({ "error": { "code": "Busy", "message": "Later.", "details": details } })
    );
    let text = client.arm(Method::GET, "/backends/1").send().await.expect("an answer");
    assert_eq!(text.status(), 502);
    assert_eq!(text.text().await.expect("a text"), "<html>no JSON</html>");
    assert_eq!(client.get("/backends/1").await.body, json!({ "odd": true }));
    let after = client.get("/backends/1").await;
    assert_eq!(
        after.body["properties"]["title"], "Backend 1",
        "a fault strikes before the effect"
    );
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused_with_the_reason() {
    let client = Client::plain();
    for (fault, part) in [
        (json!({}), "give a status"),
        (json!({ "status": 99 }), "99"),
        (json!({ "kind": "latency" }), "ms"),
        (json!({ "kind": "reset", "status": 500 }), "kind status only"),
        (json!({ "kind": "odd" }), "odd"),
        (json!({ "status": 500, "typo": 1 }), "typo"),
        (json!("reset"), "array"),
    ] {
        let refused = reply(client.request(Method::POST, "/_emulator/faults").json(&fault)).await;
        assert_eq!(refused.status, 400, "{fault}");
        let message = refused.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn faults_can_be_taken_back() {
    let client = Client::plain();
    set(&client, json!({ "status": 500, "times": 9 })).await;
    reply(client.request(Method::DELETE, "/_emulator/faults")).await;
    assert_eq!(client.reset("1").await.status, 202);
}

#[tokio::test]
async fn a_reset_breaks_the_request_and_nothing_else() {
    for tls in [false, true] {
        let client = Client::start(Config {
            backends: 1,
            tls,
            ..Config::default()
        });
        client.emulator.add_fault(Fault::new("/reconnect", FaultAction::Reset));
        let broken = client.reconnect("1").send().await;
        assert!(broken.is_err());
        assert_eq!(client.reset("1").await.status, 202);
        let statuses: Vec<u16> = client.emulator.journal().iter().map(|entry| entry.status).collect();
        assert_eq!(statuses, [0, 202]);
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect() {
    let by_rate = Config {
        fault_rate: 1.0,
        fault_kinds: vec![FaultKind::Lost],
        ..Config::default()
    };
    for (config, by_hand) in [(Config::default(), true), (by_rate, false)] {
        let client = Client::start(Config { backends: 1, ..config });
        if by_hand {
            set(&client, json!({ "kind": "lost", "method": "PUT" })).await;
        }
        let properties = json!({ "url": "https://a.example", "protocol": "http" });
        let put = client
            .arm(Method::PUT, "/backends/new")
            .json(&json!({ "properties": properties }));
        assert!(put.send().await.is_err());
        let journal = client.emulator.journal();
        assert_eq!((journal.len(), journal[0].status), (1, 0));
        if by_hand {
            assert_eq!(client.get("/backends/new").await.status, 200);
        }
    }
}

#[tokio::test]
async fn transient_refusals_have_the_services_codes() {
    for (status, code) in [
        (409, "PessimisticConcurrencyConflict"),
        (422, "ManagementApiRequestFailed"),
    ] {
        let client = Client::start(Config {
            backends: 1,
            fault_rate: 1.0,
            fault_kinds: vec![status.to_string().parse().expect("a kind")],
            ..Config::default()
        });
        let by_rate = client.reset("1").await;
        assert_eq!((by_rate.status.as_u16(), by_rate.code()), (status, code));
        let client = Client::plain();
        set(&client, json!({ "kind": status.to_string() })).await;
        client
            .emulator
            .add_fault(Fault::new("", FaultAction::transient(status)));
        for _ in 0..2 {
            let by_hand = client.reset("1").await;
            assert_eq!((by_hand.status.as_u16(), by_hand.code()), (status, code));
        }
        assert_eq!(client.reset("1").await.status, 202);
    }
}

#[tokio::test]
async fn a_stalled_request_is_in_the_journal_before_its_caller_gives_up() {
    for tls in [false, true] {
        let client = Client::start(Config {
            backends: 1,
            tls,
            ..Config::default()
        });
        client.emulator.add_fault(Fault::new("", FaultAction::Stall));
        // A client of its own, so that giving up cannot disturb the connection of the one that watches.
        let caller = Client {
            http: http_client(&client.emulator, |builder| builder),
            emulator: client.emulator,
        };
        let request = caller.reconnect("1");
        let stalled = tokio::spawn(request.send());
        caller.until(|stats| stats["running"] == 1).await;
        let journal = caller.emulator.journal();
        assert_eq!((journal.len(), journal[0].status), (1, 0));
        stalled.abort();
        let stats = caller.until(|stats| stats["running"] == 0).await;
        assert_eq!(stats["statuses"], json!({ "0": 1 }));
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    let statuses = async |seed| {
        let client = Client::start(Config {
            backends: 1,
            fault_rate: 0.5,
            fault_kinds: vec![FaultKind::Status(503), FaultKind::Status(429)],
            seed,
            ..Config::default()
        });
        let mut statuses = Vec::new();
        for _ in 0..40 {
            let reset = client.reset("1").await;
            assert_eq!(reset.header("retry-after"), if reset.status == 429 { "1" } else { "" });
            statuses.push(reset.status.as_u16());
        }
        statuses
    };
    let first = statuses(7).await;
    assert_eq!(first, statuses(7).await);
    assert_ne!(first, statuses(8).await);
    for status in [202, 429, 503] {
        assert!(first.contains(&status), "{status}");
    }
}

#[tokio::test]
async fn the_rate_leaves_the_control_endpoints_alone() {
    let client = Client::start(Config {
        fault_rate: 1.0,
        fault_kinds: vec![FaultKind::Reset],
        ..Config::default()
    });
    client.until(|stats| stats["requests"] == 0).await;
}

#[tokio::test]
async fn latency_of_all_kinds_adds_up() {
    let client = Client::start(Config {
        backends: 1,
        latency: Duration::from_millis(40),
        fault_rate: 1.0,
        fault_kinds: vec![FaultKind::Slow],
        slow: Duration::from_millis(40),
        ..Config::default()
    });
    set(&client, json!({ "kind": "latency", "ms": 40 })).await;
    let start = Instant::now();
    assert_eq!(client.reset("1").await.status, 202);
    assert!(start.elapsed() >= Duration::from_millis(115), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_request_given_up_during_the_latency_has_no_effect() {
    let client = Client::start(Config {
        backends: 1,
        ..Config::default()
    });
    client
        .emulator
        .add_fault(Fault::new("", FaultAction::Latency(Duration::from_secs(3600))).method("PATCH"));
    let patch = client
        .arm(Method::PATCH, "/backends/1")
        .header("if-match", "*")
        .json(&json!({ "properties": { "title": "T" } }));
    let waiting = tokio::spawn(patch.send());
    client.until(|stats| stats["running"] == 1).await;
    waiting.abort();
    client.until(|stats| stats["running"] == 0).await;
    assert_eq!(client.get("/backends/1").await.body["properties"]["title"], "Backend 1");
    assert_eq!(client.emulator.journal()[0].status, 0);
}
