//! Backends: read, written, listed and reset as the service does it.

use apim_emulator::Config;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use serde_json::{Value, json};

use crate::client::{Client, Reply, SERVICE, SUBSCRIPTION, reply};

async fn write(client: &Client, method: Method, id: &str, tag: Option<&str>, properties: Value) -> Reply {
    let mut request = client
        .arm(method, &format!("/backends/{id}"))
        .json(&json!({ "properties": properties }));
    if let Some(tag) = tag {
        request = request.header(IF_MATCH, tag);
    }
    reply(request).await
}

#[tokio::test]
async fn a_seeded_backend_is_read_with_its_etag() {
    let client = Client::plain();
    let got = client.get("/backends/2").await;
    assert_eq!(got.status, 200);
    assert_eq!(got.body["id"], format!("{SERVICE}/backends/2"));
    assert_eq!(got.body["type"], "Microsoft.ApiManagement/service/backends");
    assert_eq!(got.body["properties"]["protocol"], "http");
    assert!(got.header("etag").starts_with('"'));
    let head = reply(client.arm(Method::HEAD, "/backends/2")).await;
    assert_eq!((head.status.as_u16(), head.header("etag")), (200, got.header("etag")));
    let head = reply(client.arm(Method::HEAD, "/backends/99")).await;
    assert_eq!(head.status, 404);
}

#[tokio::test]
async fn names_are_found_in_any_case_and_shown_as_they_were_given() {
    let client = Client::plain();
    write(
        &client,
        Method::PUT,
        "Orders",
        None,
        json!({ "url": "https://a.example", "protocol": "http" }),
    )
    .await;
    let path = format!("{}/BACKENDS/orders?api-version=2024-05-01", SERVICE.to_uppercase());
    let got = reply(client.request(Method::GET, &path)).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.body["id"], format!("{SERVICE}/backends/Orders"));
}

#[tokio::test]
async fn put_creates_then_replaces() {
    let client = Client::plain();
    let first = json!({ "url": "https://a.example/x", "protocol": "http", "title": "A" });
    let created = write(&client, Method::PUT, "a%20b", None, first).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["name"], "a b");
    let second = json!({ "url": "https://b.example/x", "protocol": "soap" });
    let replaced = write(
        &client,
        Method::PUT,
        "a%20b",
        Some(created.header("etag")),
        second.clone(),
    )
    .await;
    assert_eq!(replaced.status, 200);
    assert_eq!(replaced.body["properties"], second);
    let stale = write(
        &client,
        Method::PUT,
        "a%20b",
        Some(created.header("etag")),
        second.clone(),
    )
    .await;
    assert_eq!((stale.status.as_u16(), stale.code()), (412, "PreconditionFailed"));
    let absent = write(&client, Method::PUT, "new", Some("\"0\""), second).await;
    assert_eq!(absent.status, 412);
}

#[tokio::test]
async fn patch_needs_if_match_merges_and_answers_with_the_resource() {
    let client = Client::plain();
    let missing = write(&client, Method::PATCH, "1", None, json!({ "title": "T" })).await;
    assert_eq!((missing.status.as_u16(), missing.code()), (400, "ValidationError"));
    assert_eq!(missing.targets(), ["If-Match"]);

    let before = client.get("/backends/1").await;
    let proxy = json!({ "proxy": { "url": "https://proxy.example", "username": "u", "password": "p" } });
    let patched = write(&client, Method::PATCH, "1", Some("*"), proxy).await;
    assert_eq!(patched.status, 200);
    assert_ne!(patched.header("etag"), before.header("etag"));
    assert_eq!(patched.body["properties"]["url"], before.body["properties"]["url"]);
    assert_eq!(
        patched.body["properties"]["proxy"],
        json!({ "url": "https://proxy.example", "username": "u" }),
        "a password is never shown"
    );

    let stale = write(
        &client,
        Method::PATCH,
        "1",
        Some(before.header("etag")),
        json!({ "title": "T" }),
    )
    .await;
    assert_eq!((stale.status.as_u16(), stale.code()), (412, "PreconditionFailed"));
    assert_eq!(client.get("/backends/1").await.body, patched.body);

    let absent = write(&client, Method::PATCH, "99", Some("*"), json!({ "title": "T" })).await;
    assert_eq!((absent.status.as_u16(), absent.code()), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let client = Client::plain();
    let refused = write(
        &client,
        Method::PATCH,
        "1",
        Some("*"),
        json!({ "protocol": "tcp", "url": "here", "proxy": { "username": "u" } }),
    )
    .await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "ValidationError"));
    assert_eq!(refused.targets(), ["url", "protocol", "proxy.url"]);
    assert_eq!(refused.body["error"]["details"][0]["code"], "ValidationError");

    for id in ["%20", "a%3Fb", "a%2Fb", &"x".repeat(81)] {
        let refused = client.get(&format!("/backends/{id}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, "ValidationError"),
            "{id}"
        );
        assert_eq!(refused.targets(), ["backendId"], "{id}");
    }
}

#[tokio::test]
async fn delete_needs_if_match() {
    let client = Client::plain();
    let delete = async |tag: Option<&str>| {
        let mut request = client.arm(Method::DELETE, "/backends/3");
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        reply(request).await.status.as_u16()
    };
    assert_eq!(delete(None).await, 400);
    assert_eq!(delete(Some("\"stale\"")).await, 412);
    assert_eq!(delete(Some("*")).await, 200);
    assert_eq!(delete(Some("*")).await, 204);
    assert_eq!(client.get("/backends/3").await.status, 404);
    assert_eq!(client.reset("3").await.status, 404);
}

#[tokio::test]
async fn a_list_comes_in_pages_that_link_to_each_other() {
    let client = Client::start(Config {
        backends: 10_000,
        page_size: 4_000,
        ..Config::default()
    });
    let mut next = Some(format!(
        "{}{SERVICE}/backends?api-version=2024-05-01",
        client.emulator.url()
    ));
    let (mut pages, mut names) = (0, Vec::new());
    while let Some(link) = next {
        let page = reply(client.http.get(&link).bearer_auth("token")).await;
        assert_eq!(page.body["count"], 10_000);
        let entries = page.body["value"].as_array().expect("an array");
        names.extend(
            entries
                .iter()
                .filter_map(|entry| entry["name"].as_str().map(str::to_owned)),
        );
        next = page.body["nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((pages, names.len()), (3, 10_000));
    assert_eq!(names[9_999], "10000");

    let page = reply(
        client
            .arm(Method::GET, "/backends")
            .query(&[("$top", "2"), ("$skip", "5")]),
    )
    .await;
    let names: Vec<_> = page.body["value"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry| &entry["name"])
        .collect();
    assert_eq!(names, ["6", "7"]);
    let link = page.body["nextLink"].as_str().expect("a link");
    let page = reply(client.http.get(link).bearer_auth("token")).await;
    assert_eq!(page.body["value"][0]["name"], "8");
    for (name, value) in [("$top", "0"), ("$skip", "-1"), ("$filter", "name eq '1'")] {
        let refused = reply(client.arm(Method::GET, "/backends").query(&[(name, value)])).await;
        assert_eq!(refused.targets(), [name]);
    }
}

#[tokio::test]
async fn a_reset_is_accepted_with_a_time_or_without() {
    let client = Client::plain();
    let accepted = client.reset("1").await;
    assert_eq!((accepted.status.as_u16(), accepted.body), (202, Value::Null));
    let reset = async |body: &'static str, kind: &str| {
        let request = client.arm(Method::POST, "/backends/1/reconnect").body(body);
        let answer = reply(request.header(CONTENT_TYPE, kind)).await;
        (answer.status.as_u16(), answer.code().to_owned())
    };
    let accepted = (202, String::new());
    assert_eq!(
        reset(r#"{"properties":{"after":"PT3S"}}"#, "application/json").await,
        accepted
    );
    assert_eq!(reset("{}", "application/json; charset=utf-8").await, accepted);
    let invalid = reset(r#"{"properties":{"after":"3"}}"#, "application/json").await;
    assert_eq!(invalid, (400, "ValidationError".into()));
    let malformed = reset(r#"{"properties":{"after":3}}"#, "application/json").await;
    assert_eq!(malformed, (400, "InvalidRequestContent".into()));
    let untyped = reset(r#"{"properties":{"after":"PT3S"}}"#, "text/plain").await;
    assert_eq!(untyped, (415, "UnsupportedMediaType".into()));
}

#[tokio::test]
async fn what_is_missing_on_the_way_is_named() {
    let client = Client::plain();
    let provider = "providers/Microsoft.ApiManagement/service";
    let other = "00000000-0000-0000-0000-000000000002";
    for (path, status, code) in [
        (format!("/subscriptions/{other}"), 404, "SubscriptionNotFound"),
        ("/subscriptions/mine".into(), 400, "InvalidSubscriptionId"),
        (
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/none/{provider}/contoso/backends/1"),
            404,
            "ResourceGroupNotFound",
        ),
        (
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/Api-Default-WestUS/{provider}/none/backends/1"),
            404,
            "ResourceNotFound",
        ),
        (
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/Api-Default-WestUS/{provider}/1none/backends/1"),
            400,
            "ValidationError",
        ),
        (format!("{SERVICE}/backends/99"), 404, "ResourceNotFound"),
        (format!("{SERVICE}/apis"), 404, "InvalidResourceType"),
        ("/elsewhere".into(), 404, "NotFound"),
    ] {
        let refused = reply(client.request(Method::GET, &format!("{path}?api-version=2024-05-01"))).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{path}");
    }
    let refused = reply(client.arm(Method::POST, "/backends/1").json(&json!({}))).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (405, "MethodNotAllowed"));
    assert_eq!(refused.header("allow"), "GET, HEAD, PUT, PATCH, DELETE");
}

#[tokio::test]
async fn an_api_version_is_required() {
    let client = Client::plain();
    for (query, code) in [
        ("", "MissingApiVersionParameter"),
        ("?api-version=", "MissingApiVersionParameter"),
        ("?api-version=latest", "InvalidApiVersionParameter"),
    ] {
        let refused = reply(client.request(Method::GET, &format!("{SERVICE}/backends/1{query}"))).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, code), "{query}");
    }
}

#[tokio::test]
async fn answers_carry_request_ids() {
    let client = Client::plain();
    let asked = client
        .arm(Method::GET, "/backends/1")
        .header("x-ms-client-request-id", "mine")
        .header("x-ms-correlation-request-id", "chain");
    let got = reply(asked.try_clone().expect("no body")).await;
    assert_eq!(got.header("x-ms-request-id").len(), 36);
    assert_eq!(got.header("x-ms-correlation-request-id"), "chain");
    assert_eq!(got.header("x-ms-client-request-id"), "");
    let again = reply(asked.header("x-ms-return-client-request-id", "true")).await;
    assert_eq!(again.header("x-ms-client-request-id"), "mine");
    assert_ne!(again.header("x-ms-request-id"), got.header("x-ms-request-id"));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let client = Client::plain();
    let request = client
        .arm(Method::PATCH, "/backends/1")
        .header(IF_MATCH, "*")
        .header(CONTENT_TYPE, "application/json")
        .body(" ".repeat(4 * 1024 * 1024 + 1));
    // The answer comes before the body is read whole, so sending the rest may fail first.
    if let Ok(response) = request.send().await {
        assert_eq!(response.status(), 413);
    }
    assert_eq!(client.get("/backends/1").await.status, 200);
    assert_eq!(client.emulator.journal()[0].status, 413);
}
