//! What stands around the backends.

use apim_emulator::Config;
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, SERVICE, SUBSCRIPTION, reply};

#[tokio::test]
async fn subscriptions_are_seeded_alike() {
    let client = Client::start(Config {
        backends: 2,
        subscriptions: 12,
        ..Config::default()
    });
    let all = reply(client.request(Method::GET, "/subscriptions?api-version=2022-12-01")).await;
    assert_eq!(all.body["value"].as_array().map(Vec::len), Some(12));
    assert_eq!(
        all.body["value"][11]["subscriptionId"],
        "00000000-0000-0000-0000-000000000012"
    );
    let path = SERVICE.replace(SUBSCRIPTION, "00000000-0000-0000-0000-000000000012");
    let got = reply(client.request(Method::GET, &format!("{path}/backends/2?api-version=2024-05-01"))).await;
    assert_eq!(got.status, 200);
    let tenants = reply(client.request(Method::GET, "/tenants?api-version=2022-12-01")).await;
    assert_eq!(
        tenants.body["value"][0]["tenantId"],
        "11111111-1111-1111-1111-111111111111"
    );
}

#[tokio::test]
async fn groups_and_services_can_be_created() {
    let client = Client::plain();
    let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/more");
    let service = format!("{group}/providers/Microsoft.ApiManagement/service/fabrikam");
    let put = async |path: &str| {
        let request = client.request(Method::PUT, &format!("{path}?api-version=2024-05-01"));
        reply(request.json(&json!({ "location": "westeurope" }))).await
    };
    assert_eq!(put(&service).await.code(), "ResourceGroupNotFound");
    assert_eq!(put(&group).await.status, 201);
    assert_eq!(put(&group).await.status, 200);
    let created = put(&service).await;
    assert_eq!(
        (created.status.as_u16(), &created.body["name"]),
        (201, &json!("fabrikam"))
    );
    assert_eq!(created.body["id"], service);
    let got = reply(client.request(Method::GET, &format!("{service}?api-version=2024-05-01"))).await;
    assert_eq!(got.body["location"], "westeurope");
    let list = reply(client.request(Method::GET, &format!("{service}/backends?api-version=2024-05-01"))).await;
    assert_eq!(list.body["value"], json!([]));
    let provider = "providers/Microsoft.ApiManagement/service?api-version=2024-05-01";
    let all = reply(client.request(Method::GET, &format!("/subscriptions/{SUBSCRIPTION}/{provider}"))).await;
    assert_eq!(all.body["value"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_cloud_names_itself_as_its_authority() {
    let client = Client::plain();
    let url = client.emulator.url();
    let endpoints = async |version: &str| {
        // No token: who asks for this does not know yet where to sign in.
        reply(
            client
                .http
                .get(format!("{url}/metadata/endpoints?api-version={version}")),
        )
        .await
        .body
    };
    let doubled = reply(
        client
            .http
            .get(format!("{url}//metadata/endpoints?api-version=2022-09-01")),
    )
    .await;
    assert_eq!(
        doubled.body["authentication"]["loginEndpoint"], url,
        "az cloud register may ask with two slashes"
    );
    for version in ["2015-01-01", "2022-09-01"] {
        assert_eq!(endpoints(version).await["authentication"]["loginEndpoint"], url);
    }
    assert_eq!(endpoints("2019-05-01").await[0]["resourceManager"], url);
}

#[tokio::test]
async fn workspaces_have_backends_of_their_own() {
    let client = Client::plain();
    let put = |path: &str, properties: serde_json::Value| {
        reply(client.arm(Method::PUT, path).json(&json!({ "properties": properties })))
    };
    let list = client.get("/workspaces?$filter=name eq 'team'").await;
    assert_eq!(
        (&list.body["count"], &list.body["value"][0]["name"]),
        (&json!(1), &json!("team"))
    );
    let nameless = put("/workspaces/orders", json!({})).await;
    assert_eq!(
        (nameless.status.as_u16(), nameless.targets()),
        (400, vec!["displayName"])
    );
    let created = put("/workspaces/orders", json!({ "displayName": "Orders" })).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["type"], "Microsoft.ApiManagement/service/workspaces");

    let backend = json!({ "url": "https://a.example", "protocol": "http" });
    let created = put("/workspaces/ORDERS/backends/b", backend).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["id"], format!("{SERVICE}/workspaces/orders/backends/b"));
    assert_eq!(
        created.body["type"],
        "Microsoft.ApiManagement/service/workspaces/backends"
    );
    assert_eq!(
        client.get("/backends/b").await.status,
        404,
        "the service itself has none of that name"
    );
    for (path, status, message) in [
        ("/workspaces/team/backends/2/reconnect", 202, ""),
        ("/workspaces/orders/backends/b/reconnect", 202, ""),
        ("/workspaces/orders/backends/2/reconnect", 404, "Backend not found."),
        ("/workspaces/none/backends/b/reconnect", 404, "Workspace not found."),
    ] {
        let reset = reply(client.arm(Method::POST, path).header("content-length", 0)).await;
        assert_eq!(reset.status.as_u16(), status, "{path}");
        assert_eq!(reset.body["error"]["message"].as_str().unwrap_or_default(), message);
    }
    let tag = client.get("/workspaces/orders").await;
    let change = |tag: &str| {
        let body = json!({ "properties": { "description": "All" } });
        reply(
            client
                .arm(Method::PATCH, "/workspaces/orders")
                .header("if-match", tag)
                .json(&body),
        )
    };
    let patched = change(tag.header("etag")).await;
    assert_eq!(
        patched.body["properties"],
        json!({ "displayName": "Orders", "description": "All" })
    );
    assert_eq!(change(tag.header("etag")).await.status, 412);
    for status in [200, 204] {
        let deleted = reply(client.arm(Method::DELETE, "/workspaces/orders").header("if-match", "*")).await;
        assert_eq!(deleted.status, status);
    }
    assert_eq!(client.get("/workspaces/orders/backends/b").await.status, 404);
}

#[tokio::test]
async fn groups_and_services_are_found_changed_and_deleted() {
    let client = Client::plain();
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let ask = async |method: Method, path: &str, body: serde_json::Value| {
        let separator = if path.contains('?') { '&' } else { '?' };
        let request = client.request(
            method,
            &format!("{subscription}{path}{separator}api-version=2024-05-01"),
        );
        reply(if body.is_null() { request } else { request.json(&body) }).await
    };
    let none = || serde_json::Value::Null;
    let service = "/resourceGroups/more/providers/Microsoft.ApiManagement/service/fabrikam";
    let check_name = "/providers/Microsoft.ApiManagement/checkNameAvailability";
    for (method, path, body, status) in [
        (Method::HEAD, "/resourceGroups/more", none(), 404),
        (
            Method::PUT,
            "/resourceGroups/more",
            json!({ "location": "westeurope", "tags": { "team": "b" } }),
            201,
        ),
        (Method::PUT, "/resourceGroups/x.", json!({ "location": "westus" }), 400),
        (Method::HEAD, "/resourceGroups/more", none(), 204),
        (
            Method::PUT,
            service,
            json!({ "location": "westeurope", "sku": { "name": "Premium" } }),
            201,
        ),
        (
            Method::PATCH,
            service,
            json!({ "tags": { "a": "b" }, "properties": { "publisherName": "F" } }),
            200,
        ),
        (
            Method::PATCH,
            "/resourceGroups/more",
            json!({ "tags": { "team": "c" } }),
            200,
        ),
    ] {
        let got = ask(method.clone(), path, body).await;
        assert_eq!(got.status.as_u16(), status, "{method} {path}");
    }
    let got = ask(Method::GET, service, none()).await.body;
    assert_eq!(
        (&got["sku"]["name"], &got["tags"]["a"]),
        (&json!("Premium"), &json!("b"))
    );
    assert_eq!(got["properties"]["publisherName"], "F");
    let names = async |path: &str| {
        let list = ask(Method::GET, path, none()).await.body;
        let entries = list["value"].as_array().cloned().unwrap_or_default();
        let name = |entry: &serde_json::Value| {
            entry["name"]
                .as_str()
                .or(entry["namespace"].as_str())
                .map(str::to_owned)
        };
        entries.iter().filter_map(name).collect::<Vec<_>>().join(" ")
    };
    for (path, expected) in [
        ("/resourceGroups", "Api-Default-WestUS more"),
        ("/resourceGroups?$top=1", "Api-Default-WestUS"),
        ("/resourceGroups?$filter=tagName eq 'team' and tagValue eq 'c'", "more"),
        ("/resourceGroups?$filter=tagName eq 'team' and tagValue eq 'b'", ""),
        ("/resourcegroups/more/resources", "fabrikam"),
        (
            "/resources?$filter=resourceType eq 'microsoft.apimanagement/service'",
            "contoso fabrikam",
        ),
        ("/resources?$filter=resourceType eq 'Microsoft.Compute/disks'", ""),
        ("/providers", "Microsoft.ApiManagement Microsoft.Resources"),
        ("/locations", "westus westeurope"),
    ] {
        assert_eq!(names(path).await, expected, "{path}");
    }
    let provider = ask(Method::GET, "/providers/microsoft.apimanagement", none())
        .await
        .body;
    assert_eq!(provider["registrationState"], "Registered");
    for (name, reason) in [("CONTOSO", "AlreadyExists"), ("1a", "Invalid"), ("free", "Valid")] {
        let checked = ask(Method::POST, check_name, json!({ "name": name })).await.body;
        assert_eq!(
            (&checked["reason"], &checked["nameAvailable"]),
            (&json!(reason), &json!(reason == "Valid"))
        );
    }
    for (path, status, code) in [
        ("/providers/Microsoft.Nothing", 404, "InvalidResourceNamespace"),
        ("/providers/Microsoft.Nothing/things", 404, "InvalidResourceNamespace"),
        (
            "/providers/Microsoft.ApiManagement/gateways",
            404,
            "InvalidResourceType",
        ),
        (
            "/resourceGroups/more/providers/Microsoft.ApiManagement/service/fabrikam/apis/a",
            404,
            "InvalidResourceType",
        ),
        ("/resourceGroups?$filter=size eq '1'", 400, "InvalidFilterInQueryString"),
    ] {
        let refused = ask(Method::GET, path, none()).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{path}");
        assert_eq!(refused.header("x-ms-failure-cause"), "gateway");
    }
    for (path, status) in [
        (service, 200),
        (service, 204),
        ("/resourceGroups/more", 200),
        ("/resourceGroups/more", 404),
    ] {
        assert_eq!(
            ask(Method::DELETE, path, none()).await.status.as_u16(),
            status,
            "{path}"
        );
    }
}
