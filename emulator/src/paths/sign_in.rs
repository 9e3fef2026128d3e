//! The endpoints that give tokens out: Entra ID's, and those of a managed identity in App Service and on a virtual machine.

use std::borrow::Cow;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::replies::{Body, Outcome, Refusal, Reply};
use crate::request::Request;
use crate::tokens::{IssuedToken, TENANT, TokenIssuer};

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
pub(crate) fn is_sign_in(path: &str) -> bool {
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

/// Tokens for whoever asks here.
pub(crate) struct Desk<'a> {
    pub(crate) issuer: &'a mut TokenIssuer,
    pub(crate) lifetime: Duration,
    pub(crate) base: &'a str,
}

/// Answers one of the endpoints here.
pub(crate) fn answer(desk: &mut Desk<'_>, request: &Request<'_>) -> Outcome {
    let Some(endpoint) = Endpoint::of(request.path()) else {
        return Err(Refusal::manager(StatusCode::NOT_FOUND, "NotFound", "No such endpoint."));
    };
    let wanted = match endpoint {
        Endpoint::Token { .. } => Method::POST,
        _ => Method::GET,
    };
    if *request.method() != wanted {
        return Err(Refusal::method(request.method()));
    }
    Ok(match endpoint {
        Endpoint::Token { scopes } => token(desk, scopes, request.body),
        Endpoint::OpenIdConfiguration { tenant, version } => {
            Reply::json(open_id_configuration(desk.base, tenant, version))
        }
        Endpoint::InstanceDiscovery => Reply::json(json!({
            "tenant_discovery_endpoint": format!("{}/{TENANT}/v2.0/.well-known/openid-configuration", desk.base),
            "api-version": "1.1",
            "metadata": [],
        })),
        Endpoint::AppServiceIdentity => app_service_identity(desk, request),
        Endpoint::MachineIdentity => machine_identity(desk, request),
    })
}

fn refused(status: StatusCode, body: Value) -> Reply {
    Reply::new(status, Body::Compact(body))
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
fn oauth_refusal(status: StatusCode, error: &str, number: u32, description: &str) -> Reply {
    refused(
        status,
        json!({
            "error": error,
            "error_description": format!("AADSTS{number}: {description}"),
            "error_codes": [number],
        }),
    )
}

fn token(desk: &mut Desk<'_>, scopes: bool, body: &[u8]) -> Reply {
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
    let issued = desk.issue(audience, &client);
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
    Reply::json(reply)
}

/// The managed identity of App Service, Functions and Container Apps.
fn app_service_identity(desk: &mut Desk<'_>, request: &Request<'_>) -> Reply {
    let refuse = |status: StatusCode, message: &str| {
        refused(status, json!({ "statusCode": status.as_u16(), "message": message }))
    };
    if request
        .header("x-identity-header")
        .is_none_or(|value| value.trim().is_empty())
    {
        return refuse(StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER header is missing.");
    }
    if request.api_version() != "2019-08-01" {
        return refuse(StatusCode::BAD_REQUEST, "api-version must be 2019-08-01.");
    }
    match desk.managed(request) {
        Some((_, token)) => Reply::json(token),
        None => refuse(StatusCode::BAD_REQUEST, "The resource parameter is missing."),
    }
}

/// The managed identity of a virtual machine, from its instance metadata service.
fn machine_identity(desk: &mut Desk<'_>, request: &Request<'_>) -> Reply {
    let refuse = |message: &str| {
        let body = json!({ "error": "invalid_request", "error_description": message });
        refused(StatusCode::BAD_REQUEST, body)
    };
    if request
        .header("metadata")
        .is_none_or(|value| !value.eq_ignore_ascii_case("true"))
    {
        return refuse("Required metadata header not specified");
    }
    if request.api_version().is_empty() {
        return refuse("Required query variable 'api-version' is missing");
    }
    let Some((seconds, mut token)) = desk.managed(request) else {
        return refuse("Required query variable 'resource' is missing");
    };
    for name in ["expires_in", "ext_expires_in"] {
        token[name] = seconds.to_string().into();
    }
    Reply::json(token)
}

impl Desk<'_> {
    fn issue(&mut self, audience: &str, client: &str) -> IssuedToken {
        self.issuer.issue(self.base, audience, client, self.lifetime)
    }

    /// A managed identity's token for the resource of the request, and its seconds; `None` where none is named.
    fn managed(&mut self, request: &Request<'_>) -> Option<(u64, Value)> {
        let resource = request.given("resource")?;
        let client = request.query("client_id").unwrap_or(MANAGED_CLIENT.into());
        let issued = self.issue(&resource, &client);
        let token = json!({
            "access_token": issued.text,
            "client_id": client,
            "expires_on": issued.expires_on.to_string(),
            "not_before": issued.not_before.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        });
        Some((issued.lifetime.as_secs(), token))
    }
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
}
