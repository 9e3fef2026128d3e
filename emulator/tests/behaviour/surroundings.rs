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
    for version in ["2015-01-01", "2022-09-01"] {
        assert_eq!(endpoints(version).await["authentication"]["loginEndpoint"], url);
    }
    assert_eq!(endpoints("2019-05-01").await[0]["resourceManager"], url);
}
