//! Azure Resource Manager's own checks, in its order: sign-in, API version, subscription, throttle.

use std::time::Instant;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::config::Config;
use crate::replies::{Refusal, Reply};
use crate::request::Request;
use crate::resources::World;
use crate::rules;
use crate::throttle::{Class, Limit, Throttle};
use crate::tokens::{TENANT, TokenIssuer, TokenState};

const FAILURE_CAUSE: HeaderName = HeaderName::from_static("x-ms-failure-cause");

/// The names that the rate headers of a class have, the second over all principals.
fn rate_headers(class: Class) -> [HeaderName; 2] {
    let [own, global] = match class {
        Class::Reads => [
            "x-ms-ratelimit-remaining-subscription-reads",
            "x-ms-ratelimit-remaining-subscription-global-reads",
        ],
        Class::Writes => [
            "x-ms-ratelimit-remaining-subscription-writes",
            "x-ms-ratelimit-remaining-subscription-global-writes",
        ],
        Class::Deletes => [
            "x-ms-ratelimit-remaining-subscription-deletes",
            "x-ms-ratelimit-remaining-subscription-global-deletes",
        ],
    };
    [HeaderName::from_static(own), HeaderName::from_static(global)]
}

/// Checks the bearer token and gives it back.
///
/// # Errors
///
/// The 401, with the challenge that tells a client where to sign in.
pub(crate) fn check_bearer<'a>(request: &Request<'a>, config: &Config, tokens: &TokenIssuer) -> Result<&'a str, Reply> {
    let refuse = |code: &str, message: &str| {
        let challenge = format!(
            "Bearer authorization_uri=\"{}/{TENANT}\", error=\"invalid_token\", error_description=\"{message}\"",
            request.base_url()
        );
        Err(Reply::from(Refusal::manager(StatusCode::UNAUTHORIZED, code, message)).with(WWW_AUTHENTICATE, &challenge))
    };
    let (scheme, token) = request
        .header(AUTHORIZATION.as_str())
        .and_then(|value| value.split_once(' '))
        .unwrap_or_default();
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return refuse(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        );
    }
    let open = config.require_tokens.is_empty() && !config.check_issued_tokens;
    if open || config.require_tokens.iter().any(|required| required == token) {
        return Ok(token);
    }
    match tokens.state(token) {
        TokenState::Valid if config.check_issued_tokens => Ok(token),
        TokenState::Expired if config.check_issued_tokens => {
            refuse("ExpiredAuthenticationToken", "The access token expiry has passed.")
        }
        _ => refuse("InvalidAuthenticationToken", "The access token is invalid."),
    }
}

/// Checks the API version.
pub(crate) fn check_version(request: &Request<'_>) -> Result<(), Refusal> {
    let version = request.api_version();
    let (code, message) = if version.is_empty() {
        (
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.".to_owned(),
        )
    } else if rules::is_api_version(&version) {
        return Ok(());
    } else {
        (
            "InvalidApiVersionParameter",
            format!("The api-version '{version}' is invalid. It must be a date such as 2024-05-01."),
        )
    };
    Err(Refusal::manager(StatusCode::BAD_REQUEST, code, message))
}

/// The place of a subscription.
pub(crate) fn subscription(id: &str, world: &World) -> Result<u32, Refusal> {
    if let Some(place) = world.position(id) {
        return Ok(place);
    }
    Err(if rules::is_guid(id) {
        Refusal::manager(
            StatusCode::NOT_FOUND,
            "SubscriptionNotFound",
            format!("The subscription '{id}' could not be found."),
        )
    } else {
        Refusal::manager(
            StatusCode::BAD_REQUEST,
            "InvalidSubscriptionId",
            format!("The provided subscription identifier '{id}' is malformed or invalid."),
        )
    })
}

/// What an answer's headers say is left in the buckets.
pub(crate) type Left = Vec<(HeaderName, u32)>;

/// Takes what the request costs from the limits of its subscription, which is at the place `at`. Gives what is left, and
/// the 429 of the limit that refused.
pub(crate) fn take(
    request: &Request<'_>,
    at: u32,
    principal: (u32, &str),
    throttle: &mut Throttle,
) -> (Left, Option<Reply>) {
    let class = Class::of(request.method());
    let verdict = throttle.take(at, principal.0, class, Instant::now());
    let [own, global] = rate_headers(class);
    let mut left = Left::new();
    left.extend(verdict.left.map(|tokens| (own, tokens)));
    left.extend(verdict.left_global.map(|tokens| (global, tokens)));
    let refusal = verdict.refused.map(|(limit, seconds)| {
        let (class, subscription, actor) = (class.name(), World::id(at), principal.1);
        let status = StatusCode::TOO_MANY_REQUESTS;
        let reply = match limit {
            Limit::Principal | Limit::Global => Reply::from(Refusal::manager(
                status,
                "SubscriptionRequestsThrottled",
                format!(
                    "Number of '{class}' requests for subscription '{subscription}' actor '{actor}' exceeded. Please \
                     try again after '{seconds}' seconds after additional tokens are available. Refer to \
                     https://aka.ms/arm-throttling for additional information."
                ),
            )),
            Limit::Provider => Reply::from(Refusal::provider(
                status,
                "ResourceRequestsThrottled",
                format!(
                    "Number of requests for action 'Microsoft.ApiManagement/service/backends/{class}' exceeded the \
                     limit of '{}' for time interval '00:00:01'. Please try again after '{seconds}' seconds.",
                    throttle.limits.hidden_limit.map_or(0.0, |limit| limit.per_second)
                ),
            ))
            .with(FAILURE_CAUSE, "service"),
        };
        Reply {
            // A 429 of Resource Manager's shows what is left all the same.
            of_resource_manager: false,
            ..reply.with(RETRY_AFTER, &seconds.to_string())
        }
    });
    (left, refusal)
}
