//! Tokens that the emulator issued itself, and whether they are still good.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The tenant of every subscription.
pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";

/// Who a token of unknown origin stands for.
const ANYONE: &str = "33333333-3333-3333-3333-333333333333";

/// A token that was just issued.
pub(crate) struct IssuedToken {
    pub(crate) text: String,
    pub(crate) lifetime: Duration,
    /// When it ends, in seconds since 1970.
    pub(crate) expires_on: u64,
    /// From when it is good, in seconds since 1970.
    pub(crate) not_before: u64,
}

/// What the issuer knows of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenState {
    Valid,
    Expired,
    Unknown,
}

struct Token {
    expiry: Instant,
    principal: u32,
}

/// All tokens issued so far.
#[derive(Default)]
pub(crate) struct TokenIssuer {
    tokens: HashMap<String, Token>,
    clients: Vec<String>,
    issued: u64,
}

impl TokenIssuer {
    /// Issues a token for a client and an audience. It has the form of a JWT, since clients look inside; its
    /// signature is random, since nobody checks it.
    pub(crate) fn issue(&mut self, issuer: &str, audience: &str, client: &str, lifetime: Duration) -> IssuedToken {
        let not_before = seconds_since_1970();
        let expires_on = not_before + lifetime.as_secs();
        let claims = json!({
            "aud": audience,
            "iss": format!("{issuer}/{TENANT}/"),
            "iat": not_before,
            "nbf": not_before,
            "exp": expires_on,
            "appid": client,
            "oid": client,
            "sub": client,
            "tid": TENANT,
            "uti": format!("{:032x}", fastrand::u128(..)),
            "ver": "1.0",
        });
        let header = json!({ "typ": "JWT", "alg": "none" });
        let text = format!(
            "{}.{}.{}",
            encoded(&header),
            encoded(&claims),
            URL_SAFE_NO_PAD.encode(fastrand::u128(..).to_be_bytes())
        );
        let place = self
            .clients
            .iter()
            .position(|known| known == client)
            .unwrap_or_else(|| {
                self.clients.push(client.to_owned());
                self.clients.len() - 1
            });
        let token = Token {
            expiry: Instant::now() + lifetime,
            principal: place as u32 + 1,
        };
        self.tokens.insert(text.clone(), token);
        self.issued += 1;
        IssuedToken {
            text,
            lifetime,
            expires_on,
            not_before,
        }
    }

    /// Ends every token issued so far.
    pub(crate) fn expire_all(&mut self) {
        let now = Instant::now();
        for token in self.tokens.values_mut() {
            token.expiry = now.min(token.expiry);
        }
    }

    pub(crate) fn state(&self, token: &str) -> TokenState {
        match self.tokens.get(token) {
            None => TokenState::Unknown,
            Some(token) if token.expiry <= Instant::now() => TokenState::Expired,
            Some(_) => TokenState::Valid,
        }
    }

    /// Whom a token stands for: a number, 0 for tokens that were not issued here, and the client's id.
    pub(crate) fn principal(&self, token: &str) -> (u32, &str) {
        match self.tokens.get(token).map(|token| token.principal) {
            Some(number) => (number, &self.clients[number as usize - 1]),
            None => (0, ANYONE),
        }
    }

    /// How many tokens were issued.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
