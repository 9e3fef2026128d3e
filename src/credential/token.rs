//! An access token, and the ready-made header that carries it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use engine_core::renewal::Lifetime;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::os::protected::Protected;
use crate::secret::Secret;

/// How a header says that a token follows (RFC 6750, section 2.1).
const SCHEME: &str = "Bearer ";

/// The end of the year 9999, in seconds since 1970: the last that Azure's own clients can hold, and far beyond any token.
const MAX_SECONDS: u64 = 253_402_300_799;

/// A token as a source of credentials gives it.
#[derive(Debug, Clone)]
pub(crate) struct AccessToken {
    /// The token itself.
    pub secret: Secret,
    /// When it ends, where that is known.
    pub expires_on: Option<SystemTime>,
}

/// A token that is ready to be sent.
pub(crate) struct Token {
    authorization: HeaderValue,
    lifetime: Option<Lifetime<SystemTime>>,
    principal: u64,
}

impl Token {
    /// `None` when the text cannot be a bearer token.
    pub fn new(token: AccessToken) -> Option<Self> {
        let AccessToken { secret, expires_on } = token;
        let text = secret.expose();
        // RFC 6750, section 2.1: visible ASCII.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let header = Protected::new(SCHEME.len() + text.len(), |bytes| {
            let (scheme, token) = bytes.split_at_mut(SCHEME.len());
            scheme.copy_from_slice(SCHEME.as_bytes());
            token.copy_from_slice(text.as_bytes());
        });
        // Every clone of the header shares these bytes; they are wiped with the last one.
        let mut authorization = HeaderValue::from_maybe_shared(Bytes::from_owner(header)).ok()?;
        authorization.set_sensitive(true);
        Some(Self {
            authorization,
            lifetime: expires_on.map(|end| {
                let now = SystemTime::now();
                Lifetime::new(now, end.duration_since(now).unwrap_or_default())
            }),
            principal: principal_of(&secret),
        })
    }

    /// The value of the Authorization header.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// A fingerprint of whom the token was issued to: the same for every token of one principal in one tenant.
    pub fn principal(&self) -> u64 {
        self.principal
    }

    /// How long it is used, where its end is known.
    pub(super) fn lifetime(&self) -> Option<Lifetime<SystemTime>> {
        self.lifetime
    }

    pub(super) fn is_usable(&self, now: SystemTime) -> bool {
        self.lifetime.is_none_or(|lifetime| lifetime.is_usable(now))
    }
}

/// The claims of a Microsoft Entra token that are read here. They are not verified: that is the service's task.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    tid: Option<String>,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    appid: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    exp: Option<u64>,
}

fn claims_of(token: &Secret) -> Option<Claims> {
    let payload = token.expose().split('.').nth(1)?;
    let payload = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    serde_json::from_slice(&payload).ok()
}

/// A time in an answer that brings a token: a number, or one as text. `None`: it is neither, or beyond any clock's time.
pub(super) fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    (number <= MAX_SECONDS).then(|| Duration::from_secs(number))
}

/// The end of the token by its own claim, where it is a JWT.
pub(super) fn expiry_of(token: &Secret) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims_of(token)?.exp?))
}

fn principal_of(token: &Secret) -> u64 {
    let mut hasher = DefaultHasher::new();
    match claims_of(token) {
        Some(Claims {
            tid, oid, appid, sub, ..
        }) if oid.is_some() || appid.is_some() || sub.is_some() => {
            (tid, oid.or(appid).or(sub)).hash(&mut hasher);
        }
        _ => token.expose().hash(&mut hasher),
    }
    hasher.finish()
}
