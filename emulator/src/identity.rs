//! Sign-in: the check of the bearer token that Azure Resource Manager makes, and the endpoints that give tokens out:
//! Entra ID's, and those of a managed identity in App Service and on a virtual machine.

use std::borrow::Cow;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::answer::{Answer, Refusal, json_answer};
use crate::arm::not_allowed;
use crate::exchange::{Shared, base_url};
use crate::route::query_value;
use crate::token_issuer::{IssuedToken, TokenState};

/// The tenant of every subscription.
pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";

/// The client that managed identity tokens are for, unless the request names one.
const MANAGED_CLIENT: &str = "22222222-2222-2222-2222-222222222222";

/// Form fields of token requests that the journal does not show.
const SECRETS: [&str; 6] = [
    "client_secret",
    "client_assertion",
    "refresh_token",
    "assertion",
    "password",
    "code",
];

/// A bearer token that was not accepted.
pub(crate) struct BadToken {
    code: &'static str,
    message: &'static str,
}

impl BadToken {
    /// The 401, with the challenge that tells a client where to sign in.
    pub(crate) fn into_answer(self, base: &str) -> Answer {
        let challenge = format!(
            "Bearer authorization_uri=\"{base}/{TENANT}\", error=\"invalid_token\", error_description=\"{}\"",
            self.message
        );
        let mut answer = Refusal::new(StatusCode::UNAUTHORIZED, self.code, self.message).into_answer();
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

/// The bearer token of a request, if it is one that is accepted.
pub(crate) fn check_bearer<'a>(shared: &Shared, headers: &'a HeaderMap) -> Result<&'a str, BadToken> {
    const MISSING: BadToken = BadToken {
        code: "AuthenticationFailed",
        message: "Authentication failed. The Authorization header has no bearer token.",
    };
    let (scheme, token) = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .ok_or(MISSING)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(MISSING);
    }
    let config = &shared.config;
    let open = config.require_tokens.is_empty() && !config.check_issued_tokens;
    if open || config.require_tokens.iter().any(|required| required == token) {
        return Ok(token);
    }
    let state = if config.check_issued_tokens {
        shared.tokens().state(token)
    } else {
        TokenState::Unknown
    };
    match state {
        TokenState::Valid => Ok(token),
        TokenState::Expired => Err(BadToken {
            code: "ExpiredAuthenticationToken",
            message: "The access token has expired.",
        }),
        TokenState::Unknown => Err(BadToken {
            code: "InvalidAuthenticationToken",
            message: "The access token is invalid.",
        }),
    }
}

enum Endpoint<'a> {
    /// Entra ID's token endpoint; `scopes` is its second version, where a scope names the audience.
    Token {
        scopes: bool,
    },
    OpenIdConfiguration {
        tenant: &'a str,
        version: &'a str,
    },
    InstanceDiscovery,
    AppServiceIdentity,
    MachineIdentity,
}

impl<'a> Endpoint<'a> {
    fn of(path: &'a str) -> Option<Self> {
        // Resource Manager's own paths are nearly all that come, so they are told apart at once.
        if path.starts_with("/subscriptions/") {
            return None;
        }
        let mut segments = path.strip_prefix('/')?.split('/');
        let mut next = || segments.next();
        let found = match [next(), next(), next(), next(), next()] {
            [Some("common"), Some("discovery"), Some("instance"), None, _] => Self::InstanceDiscovery,
            [Some("msi"), Some("token"), None, ..] => Self::AppServiceIdentity,
            [Some("metadata"), Some("identity"), Some("oauth2"), Some("token"), None] => Self::MachineIdentity,
            [Some(_), Some("oauth2"), Some("v2.0"), Some("token"), None] => Self::Token { scopes: true },
            [Some(_), Some("oauth2"), Some("token"), None, _] => Self::Token { scopes: false },
            [
                Some(tenant),
                Some("v2.0"),
                Some(".well-known"),
                Some("openid-configuration"),
                None,
            ] => Self::OpenIdConfiguration {
                tenant,
                version: "/v2.0",
            },
            [Some(tenant), Some(".well-known"), Some("openid-configuration"), None, _] => {
                Self::OpenIdConfiguration { tenant, version: "" }
            }
            _ => return None,
        };
        Some(found)
    }
}

/// Whether a path is one of the endpoints here.
pub(crate) fn is_identity(path: &str) -> bool {
    Endpoint::of(path).is_some()
}

/// The body of a token request without its secrets.
pub(crate) fn masked(body: &[u8]) -> Cow<'_, [u8]> {
    if body.is_empty() {
        return Cow::Borrowed(body);
    }
    let mut masked = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(body) {
        let secret = SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(&name));
        masked.append_pair(&name, if secret { "***" } else { &value });
    }
    Cow::Owned(masked.finish().into_bytes())
}

/// Answers one of the endpoints here.
pub(crate) fn answer(shared: &Shared, secure: bool, head: &Parts, body: &[u8]) -> Answer {
    let base = base_url(secure, head);
    let Some(endpoint) = Endpoint::of(head.uri.path()) else {
        return Refusal::new(StatusCode::NOT_FOUND, "NotFound", "No such endpoint.").into_answer();
    };
    let allow = match endpoint {
        Endpoint::Token { .. } => Method::POST,
        _ => Method::GET,
    };
    if head.method != allow {
        let name = if allow == Method::POST { "POST" } else { "GET" };
        return not_allowed(name).unwrap_or_else(Refusal::into_answer);
    }
    match endpoint {
        Endpoint::Token { scopes } => token(shared, &base, scopes, body),
        Endpoint::OpenIdConfiguration { tenant, version } => {
            json_answer(StatusCode::OK, &open_id_configuration(&base, tenant, version))
        }
        Endpoint::InstanceDiscovery => json_answer(
            StatusCode::OK,
            &json!({
                "tenant_discovery_endpoint": format!("{base}/{TENANT}/v2.0/.well-known/openid-configuration"),
                "api-version": "1.1",
                "metadata": [],
            }),
        ),
        Endpoint::AppServiceIdentity => app_service_identity(shared, &base, head),
        Endpoint::MachineIdentity => machine_identity(shared, &base, head),
    }
}

fn open_id_configuration(base: &str, tenant: &str, version: &str) -> Value {
    let oauth = format!("{base}/{tenant}/oauth2{version}");
    json!({
        "issuer": format!("{base}/{tenant}{version}"),
        "authorization_endpoint": format!("{oauth}/authorize"),
        "token_endpoint": format!("{oauth}/token"),
        "device_authorization_endpoint": format!("{oauth}/devicecode"),
        "jwks_uri": format!("{base}/{tenant}/discovery{version}/keys"),
        "response_types_supported": ["code", "id_token", "code id_token", "token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "tenant_region_scope": null,
    })
}

/// Entra ID's refusal, in the form of OAuth 2.
fn oauth_refusal(status: StatusCode, error: &str, number: u32, description: &str) -> Answer {
    json_answer(
        status,
        &json!({
            "error": error,
            "error_description": format!("AADSTS{number}: {description}"),
            "error_codes": [number],
        }),
    )
}

fn token(shared: &Shared, base: &str, scopes: bool, body: &[u8]) -> Answer {
    let field = |name: &str| {
        form_urlencoded::parse(body)
            .find(|(key, value)| key == name && !value.trim().is_empty())
            .map(|(_, value)| value.into_owned())
    };
    let missing = |name: &str| {
        oauth_refusal(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            900_144,
            &format!("The request body must contain the following parameter: '{name}'."),
        )
    };
    let Some(client) = field("client_id") else {
        return missing("client_id");
    };
    match field("grant_type").as_deref() {
        None => return missing("grant_type"),
        Some("client_credentials") => {
            if field("client_secret").is_none() && field("client_assertion").is_none() {
                return oauth_refusal(
                    StatusCode::UNAUTHORIZED,
                    "invalid_client",
                    7_000_218,
                    "The request body must contain client_assertion or client_secret.",
                );
            }
            if field("client_assertion").is_some()
                && field("client_assertion_type").as_deref()
                    != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            {
                return missing("client_assertion_type");
            }
        }
        Some("refresh_token") => {
            if field("refresh_token").is_none() {
                return missing("refresh_token");
            }
        }
        Some(other) => {
            return oauth_refusal(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                70_003,
                &format!("The emulator does not know the grant type '{other}'."),
            );
        }
    }
    let name = if scopes { "scope" } else { "resource" };
    let Some(wanted) = field(name) else {
        return missing(name);
    };
    let audience = wanted
        .split(' ')
        .find_map(|scope| scope.strip_suffix("/.default"))
        .unwrap_or(&wanted);
    let issued = issue(shared, base, audience, &client);
    let seconds = issued.lifetime.as_secs();
    let mut reply = json!({
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": issued.text,
    });
    if !scopes {
        reply["expires_on"] = issued.expires_on.to_string().into();
        reply["not_before"] = issued.not_before.to_string().into();
        reply["resource"] = wanted.into();
    }
    json_answer(StatusCode::OK, &reply)
}

/// The managed identity of App Service, Functions and Container Apps.
fn app_service_identity(shared: &Shared, base: &str, head: &Parts) -> Answer {
    let refuse = |status: StatusCode, message: &str| {
        json_answer(status, &json!({ "statusCode": status.as_u16(), "message": message }))
    };
    if head
        .headers
        .get("x-identity-header")
        .is_none_or(|value| value.as_bytes().trim_ascii().is_empty())
    {
        return refuse(StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER header is missing.");
    }
    let query = head.uri.query();
    if query_value(query, "api-version").as_deref() != Some("2019-08-01") {
        return refuse(StatusCode::BAD_REQUEST, "api-version must be 2019-08-01.");
    }
    let Some(resource) = query_value(query, "resource").filter(|resource| !resource.is_empty()) else {
        return refuse(StatusCode::BAD_REQUEST, "The resource parameter is missing.");
    };
    let client = query_value(query, "client_id").unwrap_or(MANAGED_CLIENT.into());
    let issued = issue(shared, base, &resource, &client);
    json_answer(
        StatusCode::OK,
        &json!({
            "access_token": issued.text,
            "client_id": client,
            "expires_on": issued.expires_on.to_string(),
            "not_before": issued.not_before.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}

/// The managed identity of a virtual machine, from its instance metadata service.
fn machine_identity(shared: &Shared, base: &str, head: &Parts) -> Answer {
    let refuse = |message: &str| {
        json_answer(
            StatusCode::BAD_REQUEST,
            &json!({ "error": "invalid_request", "error_description": message }),
        )
    };
    if head
        .headers
        .get("metadata")
        .is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"true"))
    {
        return refuse("Required metadata header not specified");
    }
    let query = head.uri.query();
    if query_value(query, "api-version").is_none_or(|version| version.is_empty()) {
        return refuse("Required query variable 'api-version' is missing");
    }
    let Some(resource) = query_value(query, "resource").filter(|resource| !resource.is_empty()) else {
        return refuse("Required query variable 'resource' is missing");
    };
    let client = query_value(query, "client_id").unwrap_or(MANAGED_CLIENT.into());
    let issued = issue(shared, base, &resource, &client);
    let seconds = issued.lifetime.as_secs().to_string();
    json_answer(
        StatusCode::OK,
        &json!({
            "access_token": issued.text,
            "client_id": client,
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "expires_on": issued.expires_on.to_string(),
            "not_before": issued.not_before.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}

fn issue(shared: &Shared, base: &str, audience: &str, client: &str) -> IssuedToken {
    shared
        .tokens()
        .issue(base, audience, client, shared.config.token_lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_all_else_is_kept() {
        let body = b"grant_type=client_credentials&client_secret=hunter2%21&scope=a%2F.default&CLIENT_ASSERTION=x.y.z";
        let masked = masked(body);
        assert_eq!(
            String::from_utf8_lossy(&masked),
            "grant_type=client_credentials&client_secret=***&scope=a%2F.default&CLIENT_ASSERTION=***"
        );
    }

    #[test]
    fn only_whole_paths_are_endpoints() {
        for path in [
            "/t/oauth2/v2.0/token",
            "/t/oauth2/token",
            "/t/v2.0/.well-known/openid-configuration",
            "/common/discovery/instance",
            "/msi/token",
            "/metadata/identity/oauth2/token",
        ] {
            assert!(is_identity(path), "{path}");
        }
        for path in [
            "/",
            "/subscriptions/oauth2/token",
            "/t/oauth2/v2.0/token/x",
            "/msi/token/x",
            "/metadata/endpoints",
        ] {
            assert!(!is_identity(path), "{path}");
        }
    }
}
