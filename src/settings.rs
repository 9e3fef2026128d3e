//! The settings of a backend that a caller wants changed: checked, then made into the body of a PATCH.
//!
//! Limits are those of the `BackendUpdateParameters` contract of the API Management REST API.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret::mask_user_info;

/// `item.settings` of the ABI; its members have the wire's names, so it is the PATCH's `properties` as it stands.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    protocol: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    url: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    credentials: Option<Credentials<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    proxy: Option<Proxy<'a>>,
}

type Values<'a> = BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Credentials<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    certificate: Vec<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    query: Values<'a>,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    header: Values<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    authorization: Option<Authorization<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Authorization<'a> {
    #[serde(borrow, default)]
    scheme: Cow<'a, str>,
    #[serde(borrow, default)]
    parameter: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Proxy<'a> {
    #[serde(borrow, default)]
    url: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    username: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    password: Option<Cow<'a, str>>,
}

impl Settings<'_> {
    /// Checks every member and gives the PATCH's body. It may hold secrets, so it is wiped when dropped.
    pub fn into_body(mut self) -> Result<Zeroizing<Vec<u8>>> {
        if let Some(protocol) = &mut self.protocol {
            *protocol = Cow::Borrowed(check_protocol(protocol)?);
        }
        if let Some(url) = &self.url {
            check_url(url).map_err(|why| Error::invalid("InvalidUrl", why))?;
        }
        if let Some(credentials) = &self.credentials {
            credentials.check()?;
        }
        if let Some(proxy) = &self.proxy {
            proxy.check()?;
        }
        #[derive(Serialize)]
        struct Body<'b> {
            properties: &'b Settings<'b>,
        }
        // Reserved at once: a vector that grows leaves copies of what it held behind.
        let mut body = Zeroizing::new(Vec::with_capacity(64 * 1024));
        serde_json::to_writer(&mut *body, &Body { properties: &self })
            .map_err(|e| Error::invalid("InvalidItem", format!("The settings cannot be written: {e}.")))?;
        Ok(Zeroizing::new(body.as_slice().to_vec()))
    }

    /// True when no member was given, so that there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.protocol.is_none() && self.url.is_none() && self.credentials.is_none() && self.proxy.is_none()
    }
}

fn check_protocol(value: &str) -> Result<&'static str> {
    ["http", "soap"]
        .into_iter()
        .find(|known| value.eq_ignore_ascii_case(known))
        .ok_or_else(|| {
            Error::invalid(
                "InvalidProtocol",
                format!("'{value}' is not a backend's protocol. Use http or soap."),
            )
        })
}

fn check_url(value: &str) -> std::result::Result<(), String> {
    let length = value.chars().count();
    if !(1..=2000).contains(&length) {
        return Err(format!("The URL has {length} characters. It must have 1 to 2000."));
    }
    let shown = mask_user_info(value);
    let refused = || format!("'{shown}' is not an absolute http or https URL, like https://contoso.com/awesomeapi.");
    let url = url::Url::parse(value).map_err(|_| refused())?;
    // The parser mends what browsers mend: a third slash, space at the end, line breaks anywhere. The service is sent what
    // was written, so that is looked at, too.
    let host = value
        .get(url.scheme().len()..)
        .and_then(|rest| rest.strip_prefix("://"));
    let absolute = host.is_some_and(|host| !host.starts_with(['/', '\\']))
        && !value.ends_with(char::is_whitespace)
        && !value.contains(char::is_control);
    if matches!(url.scheme(), "http" | "https") && absolute && url.has_host() {
        return Ok(());
    }
    Err(refused())
}

impl Credentials<'_> {
    fn check(&self) -> Result<()> {
        let invalid = |why: String| Error::invalid("InvalidCredential", why);
        if self.certificate.is_empty()
            && self.query.is_empty()
            && self.header.is_empty()
            && self.authorization.is_none()
        {
            return Err(invalid(
                "The credential is empty. It needs a certificate, a query or header value, or an authorization header."
                    .into(),
            ));
        }
        if self.certificate.len() > 32 {
            return Err(invalid(format!(
                "The credential has {} certificates. A backend takes at most 32.",
                self.certificate.len()
            )));
        }
        if self.certificate.iter().any(|c| c.trim().is_empty()) {
            return Err(invalid("A certificate of the credential is blank.".into()));
        }
        for (what, values) in [("query parameter", &self.query), ("header", &self.header)] {
            for (name, values) in values {
                if name.trim().is_empty() {
                    return Err(invalid(format!("A {what} of the credential has no name.")));
                }
                if values.is_empty() {
                    return Err(invalid(format!("The {what} '{name}' of the credential has no value.")));
                }
            }
        }
        let Some(authorization) = &self.authorization else {
            return Ok(());
        };
        for (what, value, most) in [
            ("scheme", &authorization.scheme, 100),
            ("parameter", &authorization.parameter, 300),
        ] {
            if value.trim().is_empty() {
                return Err(invalid(format!(
                    "The credential's authorization header has no {what}. It needs both a scheme and a parameter."
                )));
            }
            let length = value.chars().count();
            if length > most {
                return Err(invalid(format!(
                    "The {what} of the credential's authorization header has {length} characters. It may have {most}."
                )));
            }
        }
        Ok(())
    }
}

impl Proxy<'_> {
    fn check(&self) -> Result<()> {
        let invalid = |why: String| Error::invalid("InvalidProxy", why);
        if self.url.trim().is_empty() {
            return Err(invalid(
                "The proxy has no URL. It needs one, like http://proxy.contoso.com:8080.".into(),
            ));
        }
        check_url(&self.url).map_err(|why| invalid(format!("The proxy's URL cannot be used. {why}")))?;
        if self.password.is_some() && self.username.as_ref().is_none_or(|u| u.trim().is_empty()) {
            return Err(invalid(
                "The proxy has a password and no user name. Give both or neither.".into(),
            ));
        }
        Ok(())
    }
}
