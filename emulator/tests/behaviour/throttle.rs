//! Token buckets, over HTTP. Their arithmetic is tested beside the code.

use apim_emulator::{BucketSize, Config, HiddenLimit};
use reqwest::Method;

use serde_json::json;

use crate::client::{Client, SERVICE, SUBSCRIPTION, reply};

const REMAINING_WRITES: &str = "x-ms-ratelimit-remaining-subscription-writes";
const GLOBAL_WRITES: &str = "x-ms-ratelimit-remaining-subscription-global-writes";
const REMAINING_READS: &str = "x-ms-ratelimit-remaining-subscription-reads";

/// So slow a refill that no test lives to see it.
const SLOW: BucketSize = BucketSize {
    capacity: 2,
    refill_per_second: 0.01,
};

#[tokio::test]
async fn without_buckets_nothing_is_counted() {
    let client = Client::plain();
    let reset = client.reset("1").await;
    assert_eq!((reset.status.as_u16(), reset.header(REMAINING_WRITES)), (202, ""));
}

#[tokio::test]
async fn an_empty_bucket_throttles_its_subscription_only() {
    let client = Client::start(Config {
        backends: 3,
        subscriptions: 2,
        write_bucket: Some(SLOW),
        ..Config::default()
    });
    for left in ["1", "0"] {
        let reset = client.reset("1").await;
        assert_eq!((reset.status.as_u16(), reset.header(REMAINING_WRITES)), (202, left));
    }
    let throttled = client.reset("1").await;
    assert_eq!(
        (throttled.status.as_u16(), throttled.code()),
        (429, "SubscriptionRequestsThrottled")
    );
    assert_eq!(throttled.header(REMAINING_WRITES), "0");
    let wait: u64 = throttled.header("retry-after").parse().expect("whole seconds");
    assert!((90..=100).contains(&wait), "{wait}");

    let read = client.get("/backends/1").await;
    assert_eq!((read.status.as_u16(), read.header(REMAINING_READS)), (200, ""));
    let other = SERVICE.replace(SUBSCRIPTION, "00000000-0000-0000-0000-000000000002");
    let path = format!("{other}/backends/1/reconnect?api-version=2024-05-01");
    assert_eq!(
        reply(client.request(Method::POST, &path).header("content-length", 0))
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn each_client_that_signed_in_has_a_bucket_of_its_own() {
    let client = Client::start(Config {
        backends: 1,
        read_bucket: Some(BucketSize { capacity: 1, ..SLOW }),
        ..Config::default()
    });
    let url = format!("{}{SERVICE}/backends/1?api-version=2024-05-01", client.emulator.url());
    let read = async |token: &str| reply(client.http.get(&url).bearer_auth(token)).await;
    let mut tokens = Vec::new();
    for id in ["one", "one", "two"] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", "s"),
            ("scope", "s"),
        ];
        let issued = client
            .http
            .post(format!("{}/t/oauth2/v2.0/token", client.emulator.url()))
            .form(&form);
        tokens.push(
            reply(issued).await.body["access_token"]
                .as_str()
                .expect("a token")
                .to_owned(),
        );
    }
    // Tokens that were not issued here are one principal's.
    for (token, status) in [
        ("any", 200),
        ("another", 429),
        (&tokens[0], 200),
        (&tokens[1], 429),
        (&tokens[2], 200),
    ] {
        assert_eq!(read(token).await.status.as_u16(), status, "{token}");
    }
    let message = read(&tokens[1]).await.body["error"]["message"].to_string();
    assert!(
        message.contains(&format!(
            "'read' requests for subscription '{SUBSCRIPTION}' actor 'one'"
        )),
        "{message}"
    );
}

#[tokio::test]
async fn the_global_bucket_and_a_fixed_wait_are_shown_as_azure_does() {
    let client = Client::start(Config {
        backends: 1,
        write_bucket: Some(BucketSize::WRITES),
        global_write_bucket: Some(SLOW),
        retry_after: Some(10),
        ..Config::default()
    });
    for (status, own, global) in [(202, "199", "1"), (202, "198", "0"), (429, "198", "0")] {
        let reset = client.reset("1").await;
        let headers = (reset.header(REMAINING_WRITES), reset.header(GLOBAL_WRITES));
        assert_eq!((reset.status.as_u16(), headers), (status, (own, global)));
        let refused = status == 429;
        assert_eq!(reset.header("retry-after"), if refused { "10" } else { "" });
        assert_eq!(reset.header("x-ms-failure-cause"), if refused { "gateway" } else { "" });
    }
}

#[tokio::test]
async fn the_hidden_limit_refuses_under_a_header_that_never_changes() {
    let client = Client::start(Config {
        backends: 1,
        hidden_limit: Some(HiddenLimit {
            per_second: 0.01,
            retry_after: 5,
        }),
        ..Config::default()
    });
    let reset = client.reset("1").await;
    assert_eq!((reset.status.as_u16(), reset.header(REMAINING_WRITES)), (202, "199"));
    let refused = client.reset("1").await;
    assert_eq!(
        (refused.status.as_u16(), refused.header(REMAINING_WRITES)),
        (429, "199")
    );
    assert_eq!(refused.code(), "ResourceRequestsThrottled");
    assert_eq!(
        (refused.header("retry-after"), refused.header("x-ms-failure-cause")),
        ("5", "service")
    );
}

#[tokio::test]
async fn limits_are_changed_while_it_runs() {
    let client = Client::plain();
    let bucket = json!({ "capacity": 1, "refillPerSecond": 0.01 });
    let limits = async |limits| client.control(Method::PUT, "/limits", &limits).await.status.as_u16();
    assert_eq!(limits(json!({ "writeBucket": bucket, "retryAfter": 9 })).await, 204);
    assert_eq!(client.reset("1").await.header(REMAINING_WRITES), "0");
    assert_eq!(client.reset("1").await.header("retry-after"), "9");
    assert_eq!(
        limits(json!({ "writeBucket": { "capacity": 0, "refillPerSecond": 1 } })).await,
        400
    );
    assert_eq!(limits(json!({ "typo": 1 })).await, 400);
    assert_eq!(client.reset("1").await.status, 429, "a refused change changes nothing");
    let hidden = json!({ "hiddenLimit": { "perSecond": 0.01, "retryAfter": 3 } });
    assert_eq!(limits(hidden).await, 204);
    assert_eq!(client.reset("1").await.status, 202);
    assert_eq!(client.reset("1").await.header("retry-after"), "3");
    assert_eq!(limits(json!({})).await, 204);
    assert_eq!(client.reset("1").await.status, 202);
}

#[tokio::test]
async fn tokens_come_back() {
    let client = Client::start(Config {
        backends: 1,
        write_bucket: Some(BucketSize {
            capacity: 1,
            refill_per_second: 50.0,
        }),
        ..Config::default()
    });
    assert_eq!(client.reset("1").await.status, 202);
    let mut throttled = 0;
    loop {
        let reset = client.reset("1").await;
        if reset.status == 202 {
            break;
        }
        assert_eq!(reset.header("retry-after"), "1", "never less than a second");
        throttled += 1;
        assert!(throttled < 100_000, "no token came back");
    }
}
