//! The identity that Azure gives to a machine or an app: App Service's endpoint, else the instance metadata service
//! (IMDS) of virtual machines and Kubernetes nodes.
//!
//! `azure_identity` has a credential for both, which cannot be used here: it reads `IDENTITY_ENDPOINT` and the others
//! from the process's own environment, has IMDS's address built in, and where there is no IMDS it takes a minute to
//! say so.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::attempt::{Attempt, Context, Refusal};
use super::sdk::{MAX_ANSWER, TIMEOUT};
use super::token::{AccessToken, seconds};
use crate::cloud::is_loopback;
use crate::environment::Environment;
use crate::http_client;
use crate::secret::Secret;

const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const HEADER: &str = "IDENTITY_HEADER";
const CLIENT: &str = "AZURE_CLIENT_ID";
/// By this the SDKs reach an instance metadata service elsewhere.
const IMDS_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const IMDS_DEFAULT: &str = "http://169.254.169.254";
const IMDS_PATH: &str = "/metadata/identity/oauth2/token";

/// A machine that has the metadata service answers within milliseconds; on others nobody may ever answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// The service's documentation asks for patience while it is updated or busy.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
    Duration::from_millis(6400),
];

/// Which of the two forms this environment has.
pub(super) fn form(env: &Environment) -> &'static str {
    if is_app_service(env) { "App Service" } else { "IMDS" }
}

/// A token for the environment's managed identity. Unless it is `certain` that there is one, the metadata service is
/// given one second to show itself.
pub(super) async fn ask(context: &Context, certain: bool) -> Attempt {
    let env = &context.env;
    if is_app_service(env) {
        return app_service(context).await;
    }
    if env.get(ENDPOINT).is_some() {
        return Err(Refusal::Unavailable(format!(
            "{ENDPOINT} is set without {HEADER}, as on Azure Arc, whose identities are not supported"
        )));
    }
    imds(context, certain).await
}

fn is_app_service(env: &Environment) -> bool {
    env.get(ENDPOINT).is_some() && env.get(HEADER).is_some()
}

async fn app_service(context: &Context) -> Attempt {
    let env = &context.env;
    let url = endpoint(ENDPOINT, env.get(ENDPOINT).unwrap_or_default(), "").map_err(Refusal::Failed)?;
    let request = context
        .client
        .get(with_query(url, "2019-08-01", context))
        .header("X-IDENTITY-HEADER", env.get(HEADER).unwrap_or_default().trim());
    let (status, body) = send(request, is_busy).await.map_err(Refusal::Failed)?;
    if status.is_success() {
        token(&body).ok_or_else(|| Refusal::Failed("the identity endpoint's answer is not a token".to_owned()))
    } else {
        Err(Refusal::Failed(description(status, &body)))
    }
}

async fn imds(context: &Context, certain: bool) -> Attempt {
    let base = context.env.get(IMDS_HOST).unwrap_or(IMDS_DEFAULT);
    let url = endpoint(IMDS_HOST, base, IMDS_PATH).map_err(Refusal::Failed)?;
    if !certain {
        probe(context, &url).await.map_err(Refusal::Unavailable)?;
    }
    let request = context
        .client
        .get(with_query(url, "2018-02-01", context))
        .header("Metadata", "true");
    // 404 and 410 mean that the service is being updated.
    let is_passing = |status| is_busy(status) || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
    // Nothing says that this machine is to use its identity, so a failure to reach it is no failure of a configured one.
    let (status, body) = send(request, is_passing).await.map_err(Refusal::Unavailable)?;
    match status {
        _ if status.is_success() => {
            token(&body).ok_or_else(|| Refusal::Unavailable("the metadata service's answer is not a token".to_owned()))
        }
        // "Identity not found": the machine has none, or not the one of AZURE_CLIENT_ID.
        StatusCode::BAD_REQUEST => Err(Refusal::Unavailable(description(status, &body))),
        _ => Err(Refusal::Failed(description(status, &body))),
    }
}

/// The metadata service refuses (400) a request without its header; another answer comes from another server.
async fn probe(context: &Context, url: &Url) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    match context.client.get(url.clone()).timeout(PROBE_TIMEOUT).send().await {
        Ok(answer) if answer.status() == StatusCode::BAD_REQUEST => Ok(()),
        Ok(answer) => Err(format!(
            "{host} is not Azure's metadata service (status {})",
            answer.status().as_u16()
        )),
        Err(error) if error.is_timeout() => Err(format!(
            "no metadata service answered at {host} within {} s",
            PROBE_TIMEOUT.as_secs()
        )),
        Err(error) => Err(format!(
            "there is no metadata service at {host}: {}",
            http_client::reason(&error)
        )),
    }
}

/// Identity endpoints speak plain http, so only one that is close by will do: their answer is a token in the open.
fn endpoint(variable: &str, base: &str, path: &str) -> Result<Url, String> {
    let url = Url::parse(&format!("{}{path}", base.trim().trim_end_matches('/')))
        .map_err(|_| format!("{variable} is not an absolute URL"))?;
    let is_close = match url.host() {
        Some(Host::Ipv4(address)) => is_private(address.into()),
        Some(Host::Ipv6(address)) => is_private(address.into()),
        _ => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_close || is_loopback(&url) => Ok(url),
        _ => Err(format!(
            "{variable} must use https, or http to a loopback, link-local or private address"
        )),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

fn with_query(mut url: Url, version: &str, context: &Context) -> Url {
    let mut query = url.query_pairs_mut();
    query
        .append_pair("api-version", version)
        .append_pair("resource", &context.cloud.audience);
    if let Some(client) = context.env.get(CLIENT) {
        query.append_pair("client_id", client.trim());
    }
    drop(query);
    url
}

/// Sends the request, again after a pause where `is_passing` says that its status will pass.
async fn send(
    request: reqwest::RequestBuilder,
    is_passing: impl Fn(StatusCode) -> bool,
) -> Result<(StatusCode, Zeroizing<Vec<u8>>), String> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let attempt = request
            .try_clone()
            .ok_or("the request cannot be repeated")?
            .timeout(TIMEOUT);
        let outcome = attempt.send().await;
        let may_pass = match &outcome {
            Ok(answer) => is_passing(answer.status()),
            Err(_) => true,
        };
        if let (true, Some(pause)) = (may_pass, pauses.next()) {
            tokio::time::sleep(pause).await;
            continue;
        }
        let endpoint = |why: String| format!("the identity endpoint: {why}");
        let answer = outcome.map_err(|error| endpoint(http_client::reason(&error)))?;
        let status = answer.status();
        let body = http_client::read_body(answer, MAX_ANSWER).await.map_err(endpoint)?;
        return Ok((status, body));
    }
}

fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// Both forms give the same members; numbers come as numbers or as text.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_on: Value,
    #[serde(default)]
    expires_in: Value,
}

fn token(body: &[u8]) -> Option<AccessToken> {
    let Answer {
        access_token,
        expires_on,
        expires_in,
    } = serde_json::from_slice(body).ok()?;
    let secret = Secret::new(access_token);
    let expires_on = match (seconds(&expires_on), seconds(&expires_in)) {
        (Some(end), _) => Some(UNIX_EPOCH.checked_add(end)?),
        (None, Some(length)) => Some(SystemTime::now().checked_add(length)?),
        // Sent until it is refused, unless there is an end that cannot be.
        (None, None) if expires_on.is_number() || expires_in.is_number() => return None,
        (None, None) => None,
    };
    Some(AccessToken { secret, expires_on })
}

#[derive(Deserialize)]
struct Refused {
    #[serde(alias = "message", default)]
    error_description: String,
}

fn description(status: StatusCode, body: &[u8]) -> String {
    let said = serde_json::from_slice(body)
        .map(|Refused { error_description }| error_description)
        .unwrap_or_default();
    let status = status.as_u16();
    if said.trim().is_empty() {
        format!("the identity endpoint answered with status {status}")
    } else {
        format!("the identity endpoint answered with status {status}: {said}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_endpoints_close_by() {
        for base in [
            "http://127.0.0.1:1",
            "http://localhost:1/msi/token",
            "http://169.254.129.2:8081",
            "http://10.0.0.1",
        ] {
            assert!(endpoint(ENDPOINT, base, "").is_ok(), "{base}");
        }
        assert!(endpoint(ENDPOINT, "https://identity.example.com/token", "").is_ok());
        for base in [
            "http://identity.example.com",
            "http://8.8.8.8",
            "ftp://127.0.0.1",
            "nonsense",
        ] {
            assert!(endpoint(ENDPOINT, base, "").unwrap_err().contains(ENDPOINT), "{base}");
        }
    }

    #[test]
    fn the_end_is_read_as_number_or_text() {
        let end = |body: &str| token(body.as_bytes()).unwrap().expires_on;
        let expected = UNIX_EPOCH.checked_add(Duration::from_secs(1_900_000_000));
        assert_eq!(end(r#"{"access_token":"t","expires_on":"1900000000"}"#), expected);
        assert_eq!(end(r#"{"access_token":"t","expires_on":1900000000}"#), expected);
        assert!(end(r#"{"access_token":"t","expires_on":"tomorrow","expires_in":"60"}"#) > Some(SystemTime::now()));
        assert_eq!(end(r#"{"access_token":"t"}"#), None);
        for absurd in [
            r#""expires_in":18446744073709551615"#,
            r#""expires_on":1e300"#,
            r#""expires_in":-1"#,
        ] {
            assert!(
                token(format!(r#"{{"access_token":"t",{absurd}}}"#).as_bytes()).is_none(),
                "{absurd}"
            );
        }
    }
}
