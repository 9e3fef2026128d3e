//! Backends: read, written, listed and reset as the service does it.

use apim_emulator::{Config, KnownReferences};
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
    let nulls = json!({ "title": null, "description": null, "url": "https://b.example/x", "protocol": "soap" });
    assert_eq!(replaced.body["properties"], nulls, "what is unset is null");
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
    let shown = &patched.body["properties"]["proxy"];
    assert_eq!(shown["password"], "p", "the service shows it in clear");

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

/// What a PUT of these properties is refused for: target and message of each detail.
async fn refused_for(client: &Client, properties: Value) -> Vec<(String, String)> {
    let refused = write(client, Method::PUT, "new", None, properties.clone()).await;
    if refused.status.is_success() {
        return Vec::new();
    }
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (400, "ValidationError"),
        "{properties}"
    );
    let error = &refused.body["error"];
    assert_eq!(error["message"], "One or more fields contain incorrect values:");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let details = error["details"].as_array().expect("details");
    details
        .iter()
        .map(|detail| (text(&detail["target"]), text(&detail["message"])))
        .collect()
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_in_the_services_words() {
    let client = Client::plain();
    client.emulator.set_known_references(KnownReferences {
        certificates: Some([("cert".to_owned(), "A".repeat(40))].into()),
        named_values: Some(["key".to_owned()].into()),
    });
    let good = json!({ "url": "https://a.example", "protocol": "http" });
    let with = |members: Value| {
        let mut all = good.clone();
        all.as_object_mut()
            .expect("an object")
            .extend(members.as_object().expect("an object").clone());
        all
    };
    let pool = |members: Value| json!({ "type": "Pool", "pool": { "services": [members] } });
    let breaker =
        |condition: Value| with(json!({ "circuitBreaker": { "rules": [{ "failureCondition": condition }] } }));
    for (properties, expected) in [
        (
            json!({}),
            &[
                ("url", "'url' should not be empty."),
                ("protocol", "'protocol' should not be empty."),
            ][..],
        ),
        (
            with(json!({ "protocol": "https" })),
            &[("protocol", "Protocol is not supported")],
        ),
        (
            with(json!({ "url": "here" })),
            &[("url", "Value should represent absolute http URL")],
        ),
        (with(json!({ "url": "fabric:/app/service" })), &[]),
        (
            with(json!({ "resourceId": "/a" })),
            &[("resourceId", "Value should represent absolute http URL")],
        ),
        (
            with(json!({ "type": "Pool", "pool": { "services": [{ "id": "/b" }] } })),
            &[
                ("url", "Url is not supported for backend pool."),
                ("protocol", "Protocol is not supported for backend pool."),
            ],
        ),
        (pool(json!({ "id": "/b", "weight": null, "priority": null })), &[]),
        (
            pool(json!({ "weight": 101 })),
            &[
                ("pool.services[0].id", "'id' should not be empty."),
                (
                    "pool.services[0].weight",
                    "weight must be a whole number from 0 to 100.",
                ),
            ],
        ),
        (
            with(json!({ "credentials": { "certificate": [] } })),
            &[("credentials.certificate", "'certificate' should not be empty.")],
        ),
        (
            with(json!({ "credentials": { "certificate": ["a".repeat(40)], "certificateIds": ["/x/CERT"] } })),
            &[],
        ),
        (
            with(json!({ "credentials": { "certificate": ["my-cert"], "certificateIds": ["other"] } })),
            &[
                ("credentials", "Certificate with thumbprint 'my-cert' not found."),
                ("credentials", "Certificate with id 'other' not found."),
            ],
        ),
        (with(json!({ "credentials": { "header": { "x": ["{{key}}"] } } })), &[]),
        (
            with(json!({ "credentials": { "header": { "x": ["{{no}}"] } } })),
            &[("credentials", "Property 'no' not found.")],
        ),
        (
            with(json!({ "credentials": { "header": { "x": "y" }, "authorization": { "scheme": "Basic" } } })),
            &[
                ("credentials.header.x", "x must be an array of strings."),
                (
                    "credentials.authorization.parameter",
                    "'parameter' should not be empty.",
                ),
            ],
        ),
        (
            with(json!({ "proxy": { "username": 1 } })),
            &[
                ("proxy.url", "'url' should not be empty."),
                ("proxy.username", "username must be a string."),
            ],
        ),
        (
            with(json!({ "tls": { "validateCertificateChain": false } })),
            &[("tls.validateCertificateName", "Default backend property required")],
        ),
        (
            with(json!({ "tls": { "validateCertificateChain": false, "validateCertificateName": true } })),
            &[],
        ),
        (
            breaker(json!({ "count": 3, "interval": "PT1M", "statusCodeRanges": [{ "min": 500, "max": 599 }] })),
            &[],
        ),
        (
            breaker(json!({ "count": "3", "interval": "soon", "statusCodeRanges": [{ "min": 99 }] })),
            &[
                (
                    "circuitBreaker.rules[0].failureCondition.count",
                    "count must be a whole number from 0 to 4294967295.",
                ),
                (
                    "circuitBreaker.rules[0].failureCondition.interval",
                    "interval must be an ISO 8601 duration such as PT1M.",
                ),
                (
                    "circuitBreaker.rules[0].failureCondition.statusCodeRanges.min",
                    "min must be a whole number from 200 to 599.",
                ),
            ],
        ),
        (
            with(json!({ "properties": { "serviceFabricCluster": {} } })),
            &[(
                "properties.serviceFabricCluster.managementEndpoints",
                "'managementEndpoints' should not be empty.",
            )],
        ),
    ] {
        let found = refused_for(&client, properties.clone()).await;
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(target, text)| (target.as_str(), text.as_str()))
            .collect();
        assert_eq!(found, expected, "{properties}");
    }
    // The versions of the recordings take one flag.
    let old = client
        .request(Method::PUT, &format!("{SERVICE}/backends/old?api-version=2022-08-01"))
        .json(&json!({ "properties": with(json!({ "tls": { "validateCertificateChain": false } })) }));
    assert_eq!(reply(old).await.status, 201);

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
async fn bodies_have_the_form_and_the_members_of_the_services() {
    let client = Client::plain();
    let text = client
        .arm(Method::GET, "/backends/1")
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a text");
    assert!(text.starts_with("{\r\n  \"id\": "), "{text}");
    let missing = client
        .arm(Method::GET, "/backends/99")
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a text");
    assert_eq!(
        missing,
        r#"{"error":{"code":"ResourceNotFound","message":"Backend not found.","details":null}}"#
    );
    client.emulator.set_known_references(KnownReferences {
        certificates: Some([("cert".to_owned(), "B".repeat(40))].into()),
        named_values: None,
    });
    for (properties, shown) in [
        (
            json!({ "type": "Pool", "pool": { "services": [{ "id": "/b" }] } }),
            json!({
                "title": null, "description": null, "type": "Pool", "url": null, "protocol": null,
                "pool": { "services": [{ "id": "/b" }] },
            }),
        ),
        // What is not known is kept.
        (
            json!({ "url": "https://a.example", "protocol": "http", "azureRegion": "westus" }),
            json!({ "title": null, "description": null, "url": "https://a.example", "protocol": "http", "azureRegion": "westus" }),
        ),
        (
            json!({ "url": "fabric:/a/b", "protocol": "http", "properties": { "serviceFabricCluster": {
                "managementEndpoints": ["https://c.example"], "clientCertificatethumbprint": "b".repeat(40),
                "serverCertificateThumbprints": [],
            } } }),
            json!({ "title": null, "description": null, "url": "fabric:/a/b", "protocol": "http", "properties": {
                "serviceFabricCluster": {
                    "managementEndpoints": ["https://c.example"], "serverCertificateThumbprints": [],
                    "clientCertificateId": format!("{SERVICE}/certificates/cert"),
                    "clientCertificateThumbprint": "B".repeat(40), "maxPartitionResolutionRetries": 3,
                },
            } }),
        ),
    ] {
        let put = write(&client, Method::PUT, "shape", None, properties).await;
        assert_eq!(put.body["properties"], shown);
    }
}

#[tokio::test]
async fn the_first_versions_answer_as_they_did() {
    let client = Client::plain();
    for (version, status, count) in [("2019-01-01", 204, Value::Null), ("2019-12-01-preview", 200, json!(3))] {
        let patch = client
            .request(Method::PATCH, &format!("{SERVICE}/backends/1?api-version={version}"))
            .header(IF_MATCH, "*")
            .json(&json!({ "properties": { "title": version } }));
        let patched = reply(patch).await;
        assert_eq!(
            (patched.status.as_u16(), patched.header("etag").is_empty()),
            (status, status == 204)
        );
        let list = reply(client.request(Method::GET, &format!("{SERVICE}/backends?api-version={version}"))).await;
        assert_eq!(list.body["count"], count, "{version}");
    }
}

#[tokio::test]
async fn the_usual_headers_are_there() {
    let client = Client::plain();
    for reply in [
        client.get("/backends/1").await,
        client.get("/backends/99").await,
        client.reset("1").await,
    ] {
        for (name, value) in [
            ("cache-control", "no-cache"),
            ("pragma", "no-cache"),
            ("expires", "-1"),
            ("server", "Microsoft-HTTPAPI/2.0"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(reply.header(name), value, "{name}");
        }
        let (id, routing) = (
            reply.header("x-ms-correlation-request-id"),
            reply.header("x-ms-routing-request-id"),
        );
        assert!(
            routing.starts_with("WESTUS:20") && routing.ends_with(&format!("Z:{id}")),
            "{routing}"
        );
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

    let page = async |query: &str| {
        let path = format!("{SERVICE}/backends?api-version=2024-05-01&{query}");
        let page = reply(client.request(Method::GET, &path)).await;
        let value = page.body["value"].as_array().cloned().unwrap_or_default();
        let names = value.iter().filter_map(|entry| entry["name"].as_str());
        (names.map(str::to_owned).collect::<Vec<_>>().join(" "), page)
    };
    for (query, names) in [
        ("$top=2&$skip=5", "6 7"),
        // Of a parameter given twice, the last counts.
        ("%24top=9&$skip=1&$top=2&%24skip=5", "6 7"),
        ("$filter=name eq '7'", "7"),
        (
            "$filter=url eq 'https://backend-8.contoso.example/API' or title eq 'backend 9'",
            "8 9",
        ),
        (
            "$filter=startswith(name,'999') and not endswith(name, '9')&$top=2",
            "9990 9991",
        ),
        (
            "$filter=contains(properties/title,'d 12') and (name lt '120' or name gt '1298')",
            "12 1299",
        ),
        (
            "$filter=substringof('77', name) and name ne '77' and name le '277' and name ge '177'",
            "177 277 1770 1771 1772 1773 1774 1775 1776 1777 1778 1779 1877 1977 2077 2177 2277 2377 2477 2577 2677",
        ),
        ("$filter=name eq 'it''s'", ""),
    ] {
        assert_eq!(
            page(query).await.0.split(' ').take(30).collect::<Vec<_>>().join(" "),
            names,
            "{query}"
        );
    }
    // The link has an explicit port and the query's own parameters, encoded.
    let (_, first) = page("$top=2&$skip=5").await;
    let link = first.body["nextLink"].as_str().expect("a link");
    let query = "api-version=2024-05-01&%24top=2&%24skip=7";
    assert_eq!(link, format!("{}{SERVICE}/backends?{query}", client.emulator.url()));
    let named = client
        .arm(Method::GET, "/backends")
        .query(&[("$top", "1")])
        .header("host", "arm.example");
    let link = reply(named).await.body["nextLink"].to_string();
    assert!(link.starts_with("\"http://arm.example:80/subscriptions/"), "{link}");

    for (name, value) in [
        ("$top", "0"),
        ("$skip", "-1"),
        ("$filter", "size eq '1'"),
        ("$filter", "name is '1'"),
        ("$filter", "name eq '1"),
        ("$filter", "(name eq '1'"),
        ("$filter", "name eq '1' name"),
    ] {
        let refused = reply(client.arm(Method::GET, "/backends").query(&[(name, value)])).await;
        assert_eq!(refused.targets(), [name], "{value}");
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
    for (body, kind, status, code) in [
        (r#"{"properties":{"after":"PT3S"}}"#, "application/json", 202, ""),
        ("{}", "application/json; charset=utf-8", 202, ""),
        (r#"{"properties":null}"#, "application/json", 202, ""),
        (
            r#"{"properties":{"after":"3"}}"#,
            "application/json",
            400,
            "ValidationError",
        ),
        (
            r#"{"properties":{"after":3}}"#,
            "application/json",
            400,
            "ValidationError",
        ),
        (r#"{"properties":[]}"#, "application/json", 400, "ValidationError"),
        ("[]", "application/json", 400, "InvalidRequestContent"),
        ("{", "application/json", 400, "InvalidRequestContent"),
        (
            r#"{"properties":{"after":"PT3S"}}"#,
            "text/plain",
            415,
            "UnsupportedMediaType",
        ),
    ] {
        let answer = reset(body, kind).await;
        assert_eq!(answer, (status, code.to_owned()), "{body}");
    }
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

#[tokio::test]
async fn seeded_and_added_backends_are_one_list_and_versions_are_never_used_again() {
    let client = Client::plain();
    let good = || json!({ "url": "https://a.example", "protocol": "http" });
    let mut tags = vec![client.get("/backends/1").await.header("etag").to_owned()];
    for id in ["Zebra", "apple", "1"] {
        let put = write(&client, Method::PUT, id, None, good()).await;
        tags.push(put.header("etag").to_owned());
    }
    for id in ["1", "2"] {
        let delete = client.arm(Method::DELETE, &format!("/backends/{id}"));
        assert_eq!(reply(delete.header(IF_MATCH, "*")).await.status, 200);
    }
    let again = write(&client, Method::PUT, "1", None, good()).await;
    tags.push(again.header("etag").to_owned());
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 5, "{tags:?}");
    assert_eq!(
        write(&client, Method::PUT, "APPLE", None, good()).await.body["name"],
        "apple"
    );
    let list = client.get("/backends").await.body;
    let names: Vec<_> = list["value"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry| &entry["name"])
        .collect();
    assert_eq!(names, ["1", "3", "apple", "Zebra"]);
    assert_eq!(list["count"], 4);
    assert_eq!(client.get("/backends/03").await.status, 404);
}
