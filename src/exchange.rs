//! One request and its answer on the wire.

use std::borrow::Cow;
use std::time::Duration;

use azure_core::time::{OffsetDateTime, parse_rfc7231};
use bytes::{Bytes, BytesMut};
use engine_core::pacer::Remaining;
use engine_core::reply::NoAnswer;
use engine_core::retry::MAX_RETRY_AFTER;
use engine_core::step::Step;
use once_cell::sync::Lazy;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
    RETRY_AFTER, USER_AGENT,
};
use reqwest::{Client, Method, Response};
use url::Url;

use crate::error::{Category, Error};
use crate::error_body::ErrorBody;
use crate::http_client;
use crate::item::Item;

/// The API's version: the newest generally available one that has `reconnect`.
const QUERY: &str = "api-version=2024-05-01";
/// A backend's resource is a few kilobytes, a page of a hundred some hundred; beyond this it is not the service.
const LARGEST_BODY: usize = 32 * 1024 * 1024;
/// An error of the service's is a few hundred bytes.
const LARGEST_ERROR: usize = 64 * 1024;

/// `AzApiManagement.BackendConnection/<version> (<operating system>; <processor>)`.
static AGENT: Lazy<HeaderValue> = Lazy::new(|| {
    let text = format!(
        "AzApiManagement.BackendConnection/{} ({}; {})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("AzApiManagement.BackendConnection"))
});

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const REQUEST_ID: &str = "x-ms-request-id";
const CORRELATION_ID: &str = "x-ms-correlation-request-id";

/// A request that is ready but for its token.
pub(crate) struct Request {
    pub method: Method,
    pub url: Url,
    pub body: Option<Bytes>,
    pub client_request_id: String,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The time ran out; whether the service took the request is unknown.
    TimedOut,
    /// No connection was made: the request was not sent.
    NotConnected(String),
    /// TLS refused the service's certificate.
    CertificateRejected(String),
    /// The connection broke; whether the service took the request is unknown.
    Broken(String),
    /// The peer said that it did not process the request.
    NotProcessed(String),
}

impl Request {
    /// The request for one step of an item.
    pub fn new(step: Step, endpoint: &Url, item: &Item) -> Self {
        let (method, suffix, body) = match step {
            Step::Settings => (Method::PATCH, "", item.settings_body()),
            Step::Reset => (Method::POST, "/reconnect", item.reset_body()),
            Step::Get => (Method::GET, "", None),
        };
        let path = &*item.path;
        let mut url = endpoint.clone();
        let home = endpoint.path().trim_end_matches('/');
        match path.split_once('?') {
            // The link to a next page has a query of its own, which names the version.
            Some((path, query)) => {
                url.set_path(&format!("{home}{path}"));
                url.set_query(Some(query));
            }
            None => {
                url.set_path(&format!("{home}{path}{suffix}"));
                url.set_query(Some(QUERY));
            }
        }
        Self {
            method,
            url,
            body,
            client_request_id: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Every header of the request.
    pub fn headers(&self, authorization: HeaderValue) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, AGENT.clone());
        if let Ok(id) = HeaderValue::from_str(&self.client_request_id) {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        if self.body.is_some() {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json; charset=utf-8"),
            );
        } else if self.method == Method::POST {
            // Nothing else would say it over HTTP/1.1, and what stands before the service answers 411 then.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if self.method == Method::PATCH {
            headers.insert(IF_MATCH, HeaderValue::from_static("*"));
        }
        headers
    }

    /// Sends the request and reads the answer. Only what a GET asked for must be there whole.
    pub async fn send(
        &self,
        client: &Client,
        authorization: HeaderValue,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let mut request = client
            .request(self.method.clone(), self.url.clone())
            .headers(self.headers(authorization))
            .timeout(timeout);
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(Failure::of)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let success = response.status().is_success();
        let body = read(&mut response, if success { LARGEST_BODY } else { LARGEST_ERROR }).await;
        let body = match body {
            Ok(body) => body,
            // What was asked for is in the body.
            Err(failure) if success && self.method == Method::GET => return Err(failure),
            // The status has said it all: a reset that was accepted must not be sent again for want of an empty body.
            Err(_) => Bytes::new(),
        };
        Ok(Answer { status, headers, body })
    }
}

async fn read(response: &mut Response, largest: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::of)? {
        if body.len() + chunk.len() > largest {
            return Err(Failure::Broken(format!("it is larger than {largest} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

impl Failure {
    fn of(error: reqwest::Error) -> Self {
        if http_client::is_refused_certificate(&error) {
            Self::CertificateRejected(http_client::innermost(&error).to_string())
        } else if error.is_connect() {
            // In time or not: the time for a connection is not the one that can be set.
            Self::NotConnected(http_client::reason(&error))
        } else if error.is_timeout() {
            Self::TimedOut
        } else if http_client::is_not_processed(&error) {
            Self::NotProcessed(http_client::innermost(&error).to_string())
        } else {
            Self::Broken(http_client::innermost(&error).to_string())
        }
    }

    /// What the core needs to know of it.
    pub fn kind(&self) -> NoAnswer {
        match self {
            Self::TimedOut => NoAnswer::TimedOut,
            Self::NotConnected(_) => NoAnswer::NotConnected,
            Self::CertificateRejected(_) => NoAnswer::Untrusted,
            Self::Broken(_) => NoAnswer::Broken,
            Self::NotProcessed(_) => NoAnswer::NotProcessed,
        }
    }

    /// What happened, for the log.
    pub fn in_short(&self) -> &'static str {
        match self {
            Self::TimedOut => "no answer in time",
            Self::NotConnected(_) => "no connection",
            Self::CertificateRejected(_) => "the certificate is not trusted",
            Self::Broken(_) => "the connection broke",
            Self::NotProcessed(_) => "the connection closed before the request was processed",
        }
    }

    /// The error for a person, once no try is left.
    pub fn to_error(&self, peer: &str, timeout: Duration) -> Error {
        match self {
            Self::TimedOut => Error::new(
                "TimedOut",
                Category::OperationTimeout,
                format!(
                    "{peer} did not answer within {} seconds. Set AZAPIM_TIMEOUT_SECONDS to wait longer.",
                    timeout.as_secs()
                ),
            ),
            Self::NotConnected(why) => Error::new(
                "ConnectionFailed",
                Category::ConnectionError,
                format!("No connection to {peer}: {why}."),
            ),
            Self::Broken(why) | Self::NotProcessed(why) => Error::new(
                "ConnectionFailed",
                Category::ConnectionError,
                format!("The connection to {peer} broke before the answer was complete: {why}."),
            ),
            Self::CertificateRejected(why) => Error::new(
                "CertificateRejected",
                Category::SecurityError,
                format!(
                    "The certificate of {peer} is not trusted: {why}. If a proxy or a private cloud uses a certificate authority of its own, name its PEM file in SSL_CERT_FILE or add it to the system's trust store."
                ),
            )
            .into_fatal(),
        }
    }
}

impl Answer {
    /// A header's text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After`: seconds, which is all that Azure Resource Manager uses, or a date, as gateways before it may. Zero
    /// and a past date ask for nothing: at once, as some gateways have it, the request would only be refused again.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        let wait = match text.parse::<f64>() {
            // What is no number of seconds (less than none, or NaN) asks for nothing.
            Ok(seconds) if seconds > 0.0 => Duration::from_secs_f64(seconds.min(MAX_RETRY_AFTER.as_secs_f64())),
            Ok(_) => return None,
            Err(_) => {
                let then = parse_rfc7231(text).ok()?;
                // By the clock that wrote it, where that is known: ours may be wrong.
                let written = self.header(DATE.as_str()).and_then(|text| parse_rfc7231(text).ok());
                let now = written.unwrap_or_else(OffsetDateTime::now_utc);
                Duration::try_from(then - now).ok()?.min(MAX_RETRY_AFTER)
            }
        };
        (!wait.is_zero()).then_some(wait)
    }

    /// Tokens that the answer says are left for requests like that of the step.
    pub fn remaining(&self, step: Step) -> Remaining {
        let (principal, global) = match step {
            Step::Get => (
                "x-ms-ratelimit-remaining-subscription-reads",
                "x-ms-ratelimit-remaining-subscription-global-reads",
            ),
            Step::Settings | Step::Reset => (
                "x-ms-ratelimit-remaining-subscription-writes",
                "x-ms-ratelimit-remaining-subscription-global-writes",
            ),
        };
        let number = |name| self.header(name)?.trim().parse().ok();
        Remaining {
            principal: number(principal),
            global: number(global),
        }
    }

    /// The service's error code; empty where the answer is none of its errors.
    pub fn code(&self) -> Cow<'static, str> {
        match self.status {
            0..400 => Cow::Borrowed(""),
            _ => Cow::Owned(self.to_error().code),
        }
    }

    /// The error that the answer stands for, whether its body can be read or not.
    pub fn to_error(&self) -> Error {
        if self.status < 400 {
            return self.to_undocumented();
        }
        let told = ErrorBody::read(&self.body);
        let reason = reqwest::StatusCode::from_u16(self.status)
            .ok()
            .and_then(|s| s.canonical_reason())
            .unwrap_or("Unknown");
        let code = match told.code.as_str() {
            "" => &reason.replace([' ', '-'], ""),
            code => code,
        };
        let message = if told.message.is_empty() {
            format!(
                "The service answered with status {} ({reason}) and no message.",
                self.status
            )
        } else {
            told.message
        };
        let mut error = Error::new(code, category(self.status), message);
        error.details = told.details;
        self.sign(error)
    }

    /// The error of an answer that is no refusal and not the documented success either: a sign-in page of a proxy, say.
    fn to_undocumented(&self) -> Error {
        let what = match self.status {
            200 => "is not the JSON that the service documents".to_owned(),
            status => format!("has status {status}, which the service does not document for this request"),
        };
        let text =
            format!("The answer {what}. Check whether a proxy or a sign-in page answers in place of the service.");
        self.sign(Error::new("InvalidResponse", Category::InvalidResult, text))
    }

    /// Adds by what the service finds the answer again.
    fn sign(&self, mut error: Error) -> Error {
        error.status = Some(self.status);
        error.request_id = self.header(REQUEST_ID).map(str::to_owned);
        error.correlation_id = self.header(CORRELATION_ID).map(str::to_owned);
        error
    }
}

fn category(status: u16) -> Category {
    match status {
        401 => Category::AuthenticationError,
        403 => Category::PermissionDenied,
        404 => Category::ObjectNotFound,
        408 => Category::OperationTimeout,
        409 | 412 | 500..=599 => Category::ResourceUnavailable,
        429 => Category::LimitsExceeded,
        400..=499 => Category::InvalidOperation,
        _ => Category::InvalidResult,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(headers: &[(HeaderName, &'static str)]) -> Option<Duration> {
        let answer = Answer {
            status: 429,
            headers: headers
                .iter()
                .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
                .collect(),
            body: Bytes::new(),
        };
        answer.retry_after()
    }

    #[test]
    fn the_wait_is_read_as_seconds_or_as_a_date() {
        let seconds = |text| retry_after(&[(RETRY_AFTER, text)]);
        assert_eq!(seconds("0"), None);
        assert_eq!(seconds(" 17 "), Some(Duration::from_secs(17)));
        assert_eq!(seconds("1.5"), Some(Duration::from_millis(1500)));
        for endless in ["3601", "18446744073709551616", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(seconds(endless), Some(MAX_RETRY_AFTER), "{endless}");
        }
        for nonsense in ["", "-1", "soon", "1 s", "NaN", "Wed, 21 Oct"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&[]), None);
    }

    #[test]
    fn a_date_counts_by_the_clock_that_wrote_it() {
        let date = |text| retry_after(&[(RETRY_AFTER, text), (DATE, "Sun, 06 Nov 1994 08:49:37 GMT")]);
        assert_eq!(date("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(date("Sun, 06 Nov 1994 08:49:07 GMT"), None);
        // Without such a clock, by ours: it is past 1994.
        let past = retry_after(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:47 GMT")]);
        assert_eq!(past, None);
    }

    #[test]
    fn a_connection_that_is_not_made_in_time_is_no_answer_that_is_late() {
        // It is accepted by the system, and nobody speaks TLS on it.
        let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("https://{}", silent.local_addr().expect("an address"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let failure = runtime.block_on(async {
            let environment = crate::environment::Environment::from([]);
            let client = http_client::with_connect_timeout(&environment, Duration::from_millis(1)).expect("a client");
            let subscription = Ok("00000000-0000-0000-0000-000000000001".to_owned());
            let defaults = crate::item::Defaults {
                endpoint: Some(&url),
                subscription: &subscription,
            };
            let item = r#"{"resourceGroup":"g","service":"s","backendId":"b"}"#;
            let item = Item::parse(item, &defaults).expect("an item");
            let request = Request::new(Step::Reset, &url.parse().expect("a URL"), &item);
            let authorization = HeaderValue::from_static("Bearer x");
            request.send(&client, authorization, Duration::from_secs(3600)).await
        });
        let error = failure
            .expect_err("nobody answers")
            .to_error("host", Duration::from_secs(3600));
        assert_eq!(error.code, "ConnectionFailed", "{error}");
        assert!(!error.message.contains("AZAPIM_TIMEOUT_SECONDS"), "{error}");
    }
}
