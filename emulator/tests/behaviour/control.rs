//! The emulator's own endpoints.

use apim_emulator::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, SERVICE, reply};

#[tokio::test]
async fn the_journal_tells_what_was_sent_in_order() {
    let client = Client::plain();
    let body = r#"{"properties":{"after":"PT3S"}}"#;
    let reset = client
        .arm(Method::POST, "/backends/2/reconnect")
        .header("content-type", "application/json");
    reply(reset.body(body)).await;
    client.get("/backends/9").await;
    let url = client.emulator.url();
    // The control endpoints need no token.
    let journal = reply(client.http.get(format!("{url}/_emulator/journal"))).await;
    let query = "api-version=2024-05-01";
    assert_eq!(
        journal.body,
        json!([
            { "method": "POST", "path": format!("{SERVICE}/backends/2/reconnect?{query}"), "status": 202, "body": body },
            { "method": "GET", "path": format!("{SERVICE}/backends/9?{query}"), "status": 404, "body": "" },
        ])
    );
    let through_handle = serde_json::to_value(client.emulator.journal()).expect("JSON");
    assert_eq!(through_handle, journal.body);
    let emptied = reply(client.request(Method::DELETE, "/_emulator/journal")).await;
    assert_eq!(emptied.status, 204);
    assert!(client.emulator.journal().is_empty());
}

#[tokio::test]
async fn no_journal_is_kept_where_none_is_wanted() {
    let client = Client::start(Config {
        backends: 1,
        journal: false,
        ..Config::default()
    });
    assert_eq!(client.reset("1").await.status, 202);
    let refused = reply(client.request(Method::GET, "/_emulator/journal")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (404, "JournalOff"));
    assert_eq!(client.emulator.stats().requests, 1);
}

#[tokio::test]
async fn the_stats_count_what_happened() {
    let client = Client::plain();
    client.reset("1").await;
    client.reset("9").await;
    let stats = client.until(|_| true).await;
    assert_eq!(stats["requests"], 2);
    assert_eq!(stats["statuses"], json!({ "202": 1, "404": 1 }));
    assert_eq!(
        (&stats["running"], &stats["peakRunning"]),
        (&Value::from(0), &Value::from(1))
    );
    assert_eq!(stats["openConnections"], 1);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let client = Client::plain();
    let missing = reply(client.request(Method::GET, "/_emulator/other")).await;
    assert_eq!((missing.status.as_u16(), missing.code()), (404, "NotFound"));
    let refused = reply(client.request(Method::PUT, "/_emulator/stats")).await;
    assert_eq!(refused.status, 405);
    assert!(client.emulator.journal().is_empty());
}
