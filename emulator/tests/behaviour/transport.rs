//! HTTP versions, TLS, and the life of the handle.

use std::net::TcpStream;

use apim_emulator::{BucketSize, Config, Emulator, FaultKind};
use reqwest::Version;

use crate::client::{Client, SERVICE, http_client, reply};

fn over_tls() -> Client {
    Client::start(Config {
        backends: 1,
        tls: true,
        plain_beside_tls: true,
        ..Config::default()
    })
}

#[tokio::test]
async fn tls_offers_http_2_and_serves_http_1_too() {
    let client = over_tls();
    assert!(client.emulator.url().starts_with("https://127.0.0.1:"));
    let url = format!("{}{SERVICE}/backends/1?api-version=2024-05-01", client.emulator.url());
    let second = client.http.get(&url).bearer_auth("t").send().await.expect("an answer");
    assert_eq!((second.status().as_u16(), second.version()), (200, Version::HTTP_2));
    let old = http_client(&client.emulator, reqwest::ClientBuilder::http1_only);
    let first = old.get(&url).bearer_auth("t").send().await.expect("an answer");
    assert_eq!((first.status().as_u16(), first.version()), (200, Version::HTTP_11));
    // The certificate names localhost too.
    let local = url.replace("127.0.0.1", "localhost");
    assert_eq!(reply(client.http.get(local).bearer_auth("t")).await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_ca_gets_nothing() {
    let (client, stranger) = (over_tls(), over_tls());
    let refused = stranger
        .http
        .get(format!("{}/_emulator/stats", client.emulator.url()))
        .send()
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn plain_http_beside_tls_serves_the_same_resources() {
    let client = over_tls();
    let plain = client.emulator.http_url().expect("plain HTTP").to_owned();
    assert_eq!(client.reset("1").await.status, 202);
    let path = format!("{SERVICE}/backends?api-version=2024-05-01");
    let listed = reply(client.http.get(format!("{plain}{path}")).bearer_auth("t")).await;
    assert_eq!(listed.body["count"], 1);
    assert_eq!(client.emulator.journal().len(), 2);
    let prior = http_client(&client.emulator, reqwest::ClientBuilder::http2_prior_knowledge);
    let second = prior
        .get(format!("{plain}{path}"))
        .bearer_auth("t")
        .send()
        .await
        .expect("an answer");
    assert_eq!((second.status().as_u16(), second.version()), (200, Version::HTTP_2));
}

#[tokio::test]
async fn a_head_has_no_body_in_either_version() {
    let client = over_tls();
    let old = http_client(&client.emulator, reqwest::ClientBuilder::http1_only);
    for http in [&client.http, &old] {
        let url = format!("{}{SERVICE}?api-version=2024-05-01", client.emulator.url());
        let head = http.head(url).bearer_auth("t").send().await.expect("an answer");
        assert_eq!(head.status(), 200);
        assert!(head.bytes().await.expect("an end").is_empty());
    }
}

#[tokio::test]
async fn many_requests_at_once_are_counted() {
    let client = over_tls();
    client
        .emulator
        .add_fault(apim_emulator::Fault::new("", apim_emulator::FaultAction::Stall).times(50));
    let stalled: Vec<_> = (0..50).map(|_| tokio::spawn(client.reconnect("1").send())).collect();
    let stats = client.until(|stats| stats["running"] == 50).await;
    assert_eq!(
        (&stats["peakRunning"], &stats["openConnections"]),
        (&50.into(), &1.into())
    );
    for request in stalled {
        request.abort();
    }
    client.until(|stats| stats["running"] == 0).await;
    assert_eq!(client.reset("1").await.status, 202);
}

#[tokio::test]
async fn dropping_the_handle_ends_it_even_with_a_request_in_progress() {
    let client = over_tls();
    client
        .emulator
        .add_fault(apim_emulator::Fault::new("", apim_emulator::FaultAction::Stall));
    let stalled = tokio::spawn(client.reconnect("1").send());
    client.until(|stats| stats["running"] == 1).await;
    let address = client.emulator.url().trim_start_matches("https://").to_owned();
    drop(client.emulator);
    assert!(stalled.await.expect("no panic").is_err());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn what_cannot_be_is_refused_with_the_value_and_the_way_out() {
    let refused = |config: Config| Emulator::start(config).err().expect("a refusal").to_string();
    let bucket = |capacity, refill_per_second| {
        Some(BucketSize {
            capacity,
            refill_per_second,
        })
    };
    let usual = Config::default;
    for (config, part) in [
        (
            Config {
                listen: "192.0.2.1:0".parse().expect("an address"),
                ..usual()
            },
            "192.0.2.1",
        ),
        (
            Config {
                plain_beside_tls: true,
                ..usual()
            },
            "TLS",
        ),
        (
            Config {
                subscriptions: 0,
                ..usual()
            },
            "subscriptions",
        ),
        (
            Config {
                page_size: 0,
                ..usual()
            },
            "page size",
        ),
        (
            Config {
                write_bucket: bucket(0, 1.0),
                ..usual()
            },
            "bucket of 0",
        ),
        (
            Config {
                read_bucket: bucket(1, 0.0),
                ..usual()
            },
            "refill of 0",
        ),
        (
            Config {
                fault_rate: 1.5,
                fault_kinds: vec![FaultKind::Reset],
                ..usual()
            },
            "1.5",
        ),
        (
            Config {
                fault_rate: 0.5,
                ..usual()
            },
            "kinds",
        ),
        (
            Config {
                require_tokens: vec![" ".into()],
                ..usual()
            },
            "blank",
        ),
    ] {
        let message = refused(config);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn an_address_in_use_is_named() {
    let first = Emulator::start(Config::default()).expect("the emulator starts");
    let listen = first.url().trim_start_matches("http://").parse().expect("an address");
    let refused = Emulator::start(Config {
        listen,
        ..Config::default()
    })
    .err()
    .expect("a refusal");
    assert!(refused.to_string().contains(&listen.to_string()), "{refused}");
}
