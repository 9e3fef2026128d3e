//! Token buckets, over HTTP. Their arithmetic is tested beside the code.

use apim_emulator::{BucketSize, Config};
use reqwest::Method;

use crate::client::{Client, SERVICE, SUBSCRIPTION, reply};

const REMAINING_WRITES: &str = "x-ms-ratelimit-remaining-subscription-writes";
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
    assert_eq!(reply(client.request(Method::POST, &path)).await.status, 202);
}

#[tokio::test]
async fn callers_share_a_bucket_unless_told_otherwise() {
    for (bucket_by_token, expected) in [(false, 429), (true, 200)] {
        let client = Client::start(Config {
            backends: 1,
            read_bucket: Some(BucketSize { capacity: 1, ..SLOW }),
            bucket_by_token,
            ..Config::default()
        });
        assert_eq!(client.get("/backends/1").await.status, 200);
        let url = format!("{}{SERVICE}/backends/1?api-version=2024-05-01", client.emulator.url());
        let second = reply(client.http.get(url).bearer_auth("another")).await;
        assert_eq!(second.status.as_u16(), expected);
    }
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
