//! Sign-in: the bearer check and the endpoints that issue tokens.

use std::time::Duration;

use apim_emulator::Config;
use reqwest::Method;
use serde_json::Value;

use crate::client::{Client, Reply, SERVICE, reply};

const TENANT: &str = "11111111-1111-1111-1111-111111111111";

async fn with_header(client: &Client, authorization: Option<&str>) -> Reply {
    let url = format!("{}{SERVICE}/backends/1?api-version=2024-05-01", client.emulator.url());
    let mut request = client.http.get(url);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    reply(request).await
}

async fn status_of(client: &Client, token: &str) -> (u16, String) {
    let got = with_header(client, Some(&format!("Bearer {token}"))).await;
    (got.status.as_u16(), got.code().to_owned())
}

async fn form(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    let url = format!("{}{path}", client.emulator.url());
    reply(client.http.post(url).form(fields)).await
}

fn checking() -> Client {
    Client::start(Config {
        backends: 1,
        check_issued_tokens: true,
        ..Config::default()
    })
}

#[tokio::test]
async fn a_request_without_a_bearer_token_is_challenged() {
    let client = Client::plain();
    for header in [None, Some("Bearer"), Some("Bearer  "), Some("Basic dTpw")] {
        let refused = with_header(&client, header).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, "AuthenticationFailed"));
        let challenge = refused.header("www-authenticate");
        let authority = format!("authorization_uri=\"{}/{TENANT}\"", client.emulator.url());
        assert!(
            challenge.starts_with("Bearer ") && challenge.contains(&authority),
            "{challenge}"
        );
    }
    assert_eq!(client.emulator.stats().bad_tokens, 4);
    assert_eq!(with_header(&client, Some("bearer any")).await.status, 200);
}

#[tokio::test]
async fn only_required_tokens_are_accepted() {
    let client = Client::start(Config {
        backends: 1,
        require_tokens: vec!["one".into(), "two".into()],
        ..Config::default()
    });
    assert_eq!(status_of(&client, "two").await.0, 200);
    assert_eq!(
        status_of(&client, "three").await,
        (401, "InvalidAuthenticationToken".into())
    );
}

#[tokio::test]
async fn issued_tokens_are_accepted_while_they_last() {
    let client = checking();
    let token = client.emulator.issue_token(Duration::from_secs(600));
    assert_eq!(status_of(&client, &token).await.0, 200);
    assert_eq!(
        status_of(&client, "unknown").await,
        (401, "InvalidAuthenticationToken".into())
    );
    let ended = client.emulator.issue_token(Duration::ZERO);
    let expired = (401, "ExpiredAuthenticationToken".to_owned());
    assert_eq!(status_of(&client, &ended).await, expired);
    client.control(Method::POST, "/tokens/expire", &Value::Null).await;
    assert_eq!(status_of(&client, &token).await, expired);
}

#[tokio::test]
async fn a_client_secret_and_an_assertion_get_tokens() {
    let client = checking();
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let scope = ("scope", "https://management.azure.com/.default");
    let base = [("grant_type", "client_credentials"), ("client_id", "me"), scope];
    let secret = [&base[..], &[("client_secret", "hunter2")]].concat();
    let assertion = [
        &base[..],
        &[
            ("client_assertion", "hunter2.jwt"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
        ],
    ]
    .concat();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "me"),
        scope,
        ("refresh_token", "hunter2"),
    ];
    for fields in [&secret[..], &assertion, &refresh] {
        let issued = form(&client, &path, fields).await;
        assert_eq!(issued.status, 200);
        assert_eq!(issued.body["token_type"], "Bearer");
        assert_eq!(issued.body["expires_in"], 3600);
        let token = issued.body["access_token"].as_str().expect("a token");
        assert_eq!(status_of(&client, token).await.0, 200);
    }
    assert_eq!(client.emulator.stats().tokens_issued, 3);
    let journal = client.emulator.journal();
    assert!(journal.iter().all(|entry| !entry.body.contains("hunter2")));
    assert!(journal[0].body.contains("client_secret=***"), "{}", journal[0].body);
}

#[tokio::test]
async fn incomplete_token_requests_are_refused_as_entra_does() {
    let client = checking();
    for (fields, status, error) in [
        (&[("scope", "s")][..], 400, "invalid_request"),
        (&[("client_id", "me")][..], 400, "invalid_request"),
        (
            &[("client_id", "me"), ("grant_type", "client_credentials")],
            401,
            "invalid_client",
        ),
        (
            &[("client_id", "me"), ("grant_type", "password")],
            400,
            "unsupported_grant_type",
        ),
    ] {
        let refused = form(&client, "/t/oauth2/v2.0/token", fields).await;
        assert_eq!(refused.status.as_u16(), status);
        assert_eq!(refused.body["error"], error);
        let text = refused.body["error_description"].as_str().unwrap_or_default();
        assert!(text.starts_with("AADSTS"), "{text}");
    }
}

#[tokio::test]
async fn discovery_leads_to_the_token_endpoint() {
    let client = checking();
    let url = client.emulator.url();
    let instance = reply(
        client
            .http
            .get(format!("{url}/common/discovery/instance?api-version=1.1")),
    )
    .await;
    let next = instance.body["tenant_discovery_endpoint"].as_str().expect("a link");
    let tenant = reply(client.http.get(next)).await;
    assert_eq!(
        tenant.body["token_endpoint"],
        format!("{url}/{TENANT}/oauth2/v2.0/token")
    );
    assert_eq!(tenant.body["issuer"], format!("{url}/{TENANT}/v2.0"));
}

#[tokio::test]
async fn managed_identities_get_tokens() {
    let client = Client::start(Config {
        backends: 1,
        check_issued_tokens: true,
        token_lifetime: Duration::from_secs(120),
        ..Config::default()
    });
    let get = async |path: &str, header: Option<(&str, &str)>| {
        let mut request = client.http.get(format!("{}{path}", client.emulator.url()));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        reply(request).await
    };
    let app = "/msi/token?resource=https://management.azure.com&api-version=2019-08-01";
    let machine =
        "/metadata/identity/oauth2/token?resource=https://management.azure.com&api-version=2018-02-01&client_id=mine";
    assert_eq!(get(app, None).await.status, 401);
    assert_eq!(get(machine, None).await.status, 400);
    for (path, header) in [(app, ("x-identity-header", "h")), (machine, ("metadata", "true"))] {
        let issued = get(path, Some(header)).await;
        assert_eq!(issued.status, 200);
        let token = issued.body["access_token"].as_str().expect("a token");
        assert_eq!(status_of(&client, token).await.0, 200);
        let expires_on: u64 = text(&issued.body["expires_on"]).parse().expect("seconds");
        let not_before: u64 = text(&issued.body["not_before"]).parse().expect("seconds");
        assert_eq!(expires_on - not_before, 120);
    }
    let issued = get(machine, Some(("metadata", "true"))).await;
    assert_eq!(text(&issued.body["expires_in"]), "120");
    assert_eq!(issued.body["client_id"], "mine");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
