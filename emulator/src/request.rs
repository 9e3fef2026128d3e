//! A request as handlers see it.

use std::borrow::Cow;

use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::replies::Refusal;

/// One request with its whole body.
pub(crate) struct Request<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
    /// It came over TLS.
    pub(crate) secure: bool,
}

/// The fixed segments of the paths that are served.
const WORDS: [&str; 15] = [
    "subscriptions",
    "resourcegroups",
    "providers",
    "service",
    "backends",
    "reconnect",
    "workspaces",
    "tenants",
    "locations",
    "resources",
    "register",
    "checknameavailability",
    "metadata",
    "endpoints",
    "operations",
];

impl<'a> Request<'a> {
    pub(crate) fn method(&self) -> &'a Method {
        &self.head.method
    }

    pub(crate) fn path(&self) -> &'a str {
        self.head.uri.path()
    }

    /// The path with its query, as sent.
    pub(crate) fn path_and_query(&self) -> &'a str {
        self.head.uri.path_and_query().map_or("/", |path| path.as_str())
    }

    /// The segments of the path: those at even places, which are fixed words, in lower case where they are known, the
    /// names between them decoded. `None` where a name's bytes are not UTF-8.
    pub(crate) fn segments(&self) -> Option<Vec<Cow<'a, str>>> {
        self.path()
            .trim_matches('/')
            .split('/')
            .enumerate()
            .map(|(at, segment)| {
                let word = WORDS
                    .iter()
                    .find(|word| at % 2 == 0 && word.eq_ignore_ascii_case(segment));
                match word {
                    Some(word) => Some(Cow::Borrowed(*word)),
                    None => percent_decode_str(segment).decode_utf8().ok(),
                }
            })
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// The value of a query parameter, decoded; names are compared without regard to case, and `$top` may come as
    /// `%24top`. Of several the last counts: some clients add to a link that has the parameter already.
    pub(crate) fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        let query = self.head.uri.query()?;
        query.split('&').rev().find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let matches = if key.contains('%') {
                percent_decode_str(key)
                    .decode_utf8()
                    .is_ok_and(|key| key.eq_ignore_ascii_case(name))
            } else {
                key.eq_ignore_ascii_case(name)
            };
            matches.then(|| {
                if value.contains(['%', '+']) {
                    let spaced = value.replace('+', " ");
                    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
                } else {
                    Cow::Borrowed(value)
                }
            })
        })
    }

    /// The same where it is not blank.
    pub(crate) fn given(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query(name).filter(|value| !value.trim().is_empty())
    }

    pub(crate) fn api_version(&self) -> Cow<'a, str> {
        self.query("api-version").unwrap_or_default()
    }

    /// Refuses every method but this one.
    pub(crate) fn only(&self, method: &Method) -> Result<(), Refusal> {
        if self.method() == method {
            Ok(())
        } else {
            Err(Refusal::method(self.method()))
        }
    }

    /// The `properties` of the body; none where it has none.
    pub(crate) fn properties(&self) -> Result<Map<String, Value>, Refusal> {
        match self.json()?.remove("properties") {
            Some(Value::Object(properties)) => Ok(properties),
            None | Some(Value::Null) => Ok(Map::new()),
            Some(_) => Err(Refusal::field("properties", "properties must be an object.")),
        }
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<Map<String, Value>, Refusal> {
        let given = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let kind = given.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::manager(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                format!("The content media type '{given}' is not supported. Only 'application/json' is supported."),
            ));
        }
        serde_json::from_slice(self.body).map_err(|error| {
            Refusal::manager(
                StatusCode::BAD_REQUEST,
                "InvalidRequestContent",
                format!("The request content was invalid and could not be deserialized: '{error}'."),
            )
        })
    }

    /// The scheme and authority that the caller used.
    pub(crate) fn base_url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// The same with a port in any case, as links to next pages have it.
    pub(crate) fn base_url_with_port(&self) -> String {
        let base = self.base_url();
        let has_port = self.authority().rsplit(':').next().is_some_and(|port| {
            !port.is_empty() && port.len() < self.authority().len() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        match (has_port, self.secure) {
            (true, _) => base,
            (false, true) => format!("{base}:443"),
            (false, false) => format!("{base}:80"),
        }
    }

    fn authority(&self) -> &'a str {
        match self.head.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self.header(HOST.as_str()).unwrap_or("localhost"),
        }
    }
}
