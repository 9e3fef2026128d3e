//! `azure_identity` over the session's HTTP client, so that proxies, trusted roots and connections are the same
//! for token endpoints as for Azure Resource Manager.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::TokenCredential;
use azure_core::error::{Error, ErrorKind, Result};
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, ExponentialRetryOptions, HttpClient, Request, RetryOptions, Transport,
};
use serde::Deserialize;

use super::attempt::{Attempt, Context, Refusal};
use super::token::{self, AccessToken};
use crate::http_client;
use crate::secret::Secret;

/// A token endpoint answers within seconds, or not at all.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// A token with all around it is a few kilobytes, some dozen where its holder is in many groups.
pub(super) const MAX_ANSWER: usize = 256 * 1024;
const RETRIES: u32 = 3;

/// The options under which `azure_identity` works for this session.
pub(super) fn client_options(context: &Context) -> ClientOptions {
    // Given, so that `azure_identity` does not look for AZURE_AUTHORITY_HOST in the process's own environment.
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = context.cloud.authority.clone();
    ClientOptions {
        transport: Some(Transport::new(Arc::new(SharedClient(context.client.clone())))),
        cloud: Some(Arc::new(cloud.into())),
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            max_retries: RETRIES,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Asks one of `azure_identity`'s credentials, if it could be made. `refusal` says what its failure means.
pub(super) async fn ask<C: TokenCredential + ?Sized>(
    credential: Result<Arc<C>>,
    context: &Context,
    refusal: fn(String) -> Refusal,
) -> Attempt {
    let token = match credential {
        Ok(credential) => credential.get_token(&[&scope(context)], None).await,
        Err(error) => Err(error),
    };
    match token {
        Ok(token) => Ok(AccessToken {
            secret: Secret::new(token.token.secret().to_owned()),
            expires_on: Some(SystemTime::from(token.expires_on)),
        }),
        Err(error) => Err(refusal(reason(&error, context))),
    }
}

/// The scope that stands for everything the principal may do at Azure Resource Manager.
fn scope(context: &Context) -> String {
    format!("{}/.default", context.cloud.audience)
}

/// What went wrong, without the frames that `azure_identity` and its retries put around it.
fn reason(error: &Error, context: &Context) -> String {
    let mut inner = error;
    while let Some(next) = inner.source().and_then(|source| source.downcast_ref::<Error>()) {
        inner = next;
    }
    match inner.kind() {
        ErrorKind::HttpResponse { status, .. } if inner.to_string().trim().is_empty() => {
            format!(
                "{} answered with status {}",
                context.cloud.authority,
                u16::from(*status)
            )
        }
        ErrorKind::DataConversion => format!("the answer of {} is not a token: {inner}", context.cloud.authority),
        _ => inner.to_string(),
    }
}

/// `azure_core` computes a token's end by an addition that panics where it overflows.
fn check_lifetime(body: &[u8]) -> std::result::Result<(), String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        expires_in: serde_json::Value,
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(Answer { expires_in }) if !expires_in.is_null() && token::seconds(&expires_in).is_none() => {
            Err(format!("expires_in is {expires_in}"))
        }
        // What is no such answer is for `azure_identity` to say.
        _ => Ok(()),
    }
}

#[derive(Debug)]
struct SharedClient(reqwest::Client);

#[async_trait]
impl HttpClient for SharedClient {
    async fn execute_request(&self, request: &Request) -> Result<AsyncRawResponse> {
        let method = request
            .method()
            .as_ref()
            .parse::<reqwest::Method>()
            .map_err(|error| Error::with_error(ErrorKind::Other, error, "unknown HTTP method"))?;
        let mut outgoing = self.0.request(method, request.url().clone()).timeout(TIMEOUT);
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        if let Body::Bytes(bytes) = request.body() {
            outgoing = outgoing.body(bytes.clone());
        } else {
            return Err(Error::with_message(
                ErrorKind::Other,
                "a token request has no streamed body",
            ));
        }
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let failure = |error: reqwest::Error| {
            // What kind it is decides whether `azure_core` tries again.
            let kind = if http_client::is_refused_certificate(&error) {
                ErrorKind::Other
            } else if error.is_connect() {
                ErrorKind::Connection
            } else {
                ErrorKind::Io
            };
            Error::with_message(kind, format!("no answer from {host}: {}", http_client::reason(&error)))
        };
        let answer = outgoing.send().await.map_err(failure)?;
        let status = answer.status().as_u16().into();
        let mut headers = Headers::new();
        for (name, value) in answer.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let broken = |why: String| Error::with_message(ErrorKind::Io, format!("no answer from {host}: {why}"));
        let body = http_client::read_body(answer, MAX_ANSWER).await.map_err(broken)?;
        check_lifetime(&body).map_err(|why| {
            Error::with_message(
                ErrorKind::DataConversion,
                format!("the answer of {host} is not a token: {why}"),
            )
        })?;
        Ok(AsyncRawResponse::from_bytes(status, headers, body.to_vec()))
    }
}
