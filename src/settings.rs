//! The settings of a backend that a caller wants changed: read under Az's names or the wire's, checked, then made into
//! the body of a PATCH.
//!
//! Limits are those of the `BackendUpdateParameters` contract of the API Management REST API. Az's names are those of
//! `PsApiManagementBackendCredential` and `PsApiManagementBackendProxy` (Azure/azure-powershell,
//! ApiManagement.ServiceManagement/Models).

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::json::{self, Json, Text};
use crate::mask::mask_secrets;

/// Checked settings.
#[derive(Default, Serialize)]
pub(crate) struct Settings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Credentials<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<Proxy<'a>>,
    /// How long the caller's JSON is.
    #[serde(skip)]
    length: usize,
}

type Values<'a> = Vec<(Cow<'a, str>, Vec<Text<'a>>)>;

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificate: Vec<Text<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificate_ids: Vec<Text<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    query: Values<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    header: Values<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization: Option<Authorization<'a>>,
}

#[derive(Serialize)]
struct Authorization<'a> {
    scheme: Text<'a>,
    parameter: Text<'a>,
}

#[derive(Serialize)]
struct Proxy<'a> {
    url: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Text<'a>>,
}

fn as_object<S: Serializer>(values: &Values, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(values.len()))?;
    for (name, values) in values {
        map.serialize_entry(name, values)?;
    }
    map.end()
}

/// One object of the settings: what it is called, and the code of errors about it.
struct Part {
    name: &'static str,
    code: &'static str,
}

const SETTINGS: Part = Part {
    name: "settings",
    code: "InvalidItem",
};
const CREDENTIAL: Part = Part {
    name: "Credential",
    code: "InvalidCredential",
};
const PROXY: Part = Part {
    name: "Proxy",
    code: "InvalidProxy",
};

impl Part {
    fn invalid(&self, why: impl Into<String>) -> Error {
        Error::invalid(self.code, why)
    }

    fn wrong_type(&self, member: &str, value: Json, wanted: &str) -> Error {
        let Self { name, .. } = self;
        self.invalid(format!("{name}.{member} is {}. It must be {wanted}.", value.kind()))
    }

    fn text<'a>(&self, member: &str, value: Json<'a>) -> Result<Text<'a>> {
        value.text().ok_or_else(|| self.wrong_type(member, value, "a string"))
    }

    /// Calls `each` with every member that has a value, its name in lower case. False: it knows no such member.
    fn each_member<'a>(
        &self,
        value: Json<'a>,
        what: &str,
        mut each: impl FnMut(&str, Json<'a>) -> Result<bool>,
    ) -> Result<()> {
        let members = value
            .members()
            .ok_or_else(|| self.invalid(format!("{what} is {}. It must be an object.", value.kind())))?;
        for (name, value) in members {
            let known = value.is_null() || each(&name.to_lowercase(), value)?;
            if !known {
                return Err(json::unknown_member(self.code, what, &name));
            }
        }
        Ok(())
    }

    /// Puts a member's value in its place, once.
    fn set<T>(&self, place: &mut Option<T>, member: &str, value: T) -> Result<bool> {
        if place.replace(value).is_some() {
            return Err(self.invalid(format!("{}.{member} is given twice.", self.name)));
        }
        Ok(true)
    }
}

impl<'a> Settings<'a> {
    /// Reads and checks the settings; none where nothing is to be changed.
    pub fn read(json: Json<'a>) -> Result<Option<Self>> {
        let mut settings = Self {
            length: json.raw().len(),
            ..Self::default()
        };
        SETTINGS.each_member(json, "settings", |name, value| match name {
            "protocol" => {
                let text = value.text().ok_or_else(|| {
                    let why = format!("Protocol is {}. It must be a string: http or soap.", value.kind());
                    Error::invalid("InvalidProtocol", why)
                })?;
                SETTINGS.set(&mut settings.protocol, "Protocol", check_protocol(&text)?)
            }
            "url" => {
                let text = value.text().ok_or_else(|| {
                    Error::invalid("InvalidUrl", format!("Url is {}. It must be a string.", value.kind()))
                })?;
                check_backend_url(&text).map_err(|why| Error::invalid("InvalidUrl", why))?;
                SETTINGS.set(&mut settings.url, "Url", text)
            }
            "credential" | "credentials" => {
                SETTINGS.set(&mut settings.credentials, "Credential", Credentials::read(value)?)
            }
            "proxy" => SETTINGS.set(&mut settings.proxy, "Proxy", Proxy::read(value)?),
            _ => Ok(false),
        })?;
        let changes = settings.protocol.is_some()
            || settings.url.is_some()
            || settings.credentials.is_some()
            || settings.proxy.is_some();
        Ok(changes.then_some(settings))
    }

    /// The PATCH's body. It may hold secrets, so it is wiped when dropped.
    pub fn to_body(&self) -> Zeroizing<Vec<u8>> {
        #[derive(Serialize)]
        struct Body<'b> {
            properties: &'b Settings<'b>,
        }
        // Reserved at once: a vector that grows leaves copies of what it held behind. A text is written no longer than
        // the caller wrote it; the names and brackets around it grow to less than twice.
        let mut body = Zeroizing::new(Vec::with_capacity(64 + 2 * self.length));
        let reserved = body.capacity();
        serde_json::to_writer(&mut *body, &Body { properties: self })
            .expect("members of plain types are always written");
        debug_assert_eq!(body.capacity(), reserved, "a copy was left behind");
        Zeroizing::new(body.as_slice().to_vec())
    }

    /// What is changed, in the order of the cmdlet's parameters; values only where they are no secrets.
    pub fn changes(&self) -> Vec<String> {
        let with = |name: &str, value: &str| format!("{name} to '{}'", mask_secrets(value));
        let protocol = self.protocol.map(|protocol| with("Protocol", protocol));
        let url = self.url.as_ref().map(|url| with("Url", url));
        let credential = self.credentials.as_ref().map(|_| "Credential".to_owned());
        let proxy = self.proxy.as_ref().map(|proxy| with("Proxy", &proxy.url));
        [protocol, url, credential, proxy].into_iter().flatten().collect()
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

fn check_length(value: &str) -> std::result::Result<(), String> {
    let length = value.chars().count();
    if (1..=2000).contains(&length) {
        return Ok(());
    }
    Err(format!("The URL has {length} characters. It must have 1 to 2000."))
}

/// An absolute http or https URL, or the URL of a Service Fabric service: `fabric:/application/service`.
fn check_backend_url(value: &str) -> std::result::Result<(), String> {
    check_length(value)?;
    let fabric = value
        .get(..8)
        .filter(|scheme| scheme.eq_ignore_ascii_case("fabric:/"))
        .map(|_| &value[8..]);
    if fabric.is_some_and(|name| !name.is_empty() && !name.starts_with('/') && !has_space_or_control(name)) {
        return Ok(());
    }
    check_http_url(
        value,
        "an absolute http or https URL, like https://contoso.com/awesomeapi, nor of the form fabric:/application/service",
    )
}

fn has_space_or_control(text: &str) -> bool {
    text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn check_http_url(value: &str, wanted: &str) -> std::result::Result<(), String> {
    let shown = mask_secrets(value);
    let refused = || format!("'{shown}' is not {wanted}.");
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

impl<'a> Credentials<'a> {
    fn read(json: Json<'a>) -> Result<Self> {
        let (mut certificates, mut ids, mut query, mut header, mut authorization) = (None, None, None, None, None);
        CREDENTIAL.each_member(json, "Credential", |name, value| match name {
            "certificate" => CREDENTIAL.set(&mut certificates, "Certificate", texts("Certificate", value)?),
            "certificateids" => CREDENTIAL.set(&mut ids, "CertificateIds", texts("CertificateIds", value)?),
            "query" => CREDENTIAL.set(&mut query, "Query", values("Query", value)?),
            "header" => CREDENTIAL.set(&mut header, "Header", values("Header", value)?),
            "authorization" => CREDENTIAL.set(&mut authorization, "Authorization", Authorization::read(value)?),
            _ => Ok(false),
        })?;
        // Az puts ids in Certificate, too, where the service takes thumbprints only.
        let (certificate, mut certificate_ids) = certificates
            .unwrap_or_default()
            .into_iter()
            .partition::<Vec<_>, _>(|text| is_thumbprint(text));
        certificate_ids.extend(ids.unwrap_or_default());
        let credentials = Self {
            certificate,
            certificate_ids,
            query: query.unwrap_or_default(),
            header: header.unwrap_or_default(),
            authorization,
        };
        credentials.check()?;
        Ok(credentials)
    }

    fn check(&self) -> Result<()> {
        if self.certificate.is_empty()
            && self.certificate_ids.is_empty()
            && self.query.is_empty()
            && self.header.is_empty()
            && self.authorization.is_none()
        {
            return Err(CREDENTIAL.invalid(
                "The credential is empty. It needs a certificate, a query or header value, or an authorization header.",
            ));
        }
        for list in [&self.certificate, &self.certificate_ids] {
            if list.len() > 32 {
                return Err(CREDENTIAL.invalid(format!(
                    "The credential has {} certificates. A backend takes at most 32.",
                    list.len()
                )));
            }
        }
        if self.certificate_ids.iter().any(|id| id.trim().is_empty()) {
            return Err(CREDENTIAL.invalid("A certificate of the credential is blank."));
        }
        for (what, values) in [("query parameter", &self.query), ("header", &self.header)] {
            for (name, values) in values {
                if name.trim().is_empty() {
                    return Err(CREDENTIAL.invalid(format!("A {what} of the credential has no name.")));
                }
                if values.is_empty() {
                    return Err(CREDENTIAL.invalid(format!("The {what} '{name}' of the credential has no value.")));
                }
            }
        }
        Ok(())
    }
}

/// A thumbprint is a SHA-1 hash: 40 hexadecimal digits.
fn is_thumbprint(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn texts<'a>(member: &str, value: Json<'a>) -> Result<Vec<Text<'a>>> {
    let wanted = "an array of strings";
    let elements = value
        .elements()
        .ok_or_else(|| CREDENTIAL.wrong_type(member, value, wanted))?;
    let text = |element: Json<'a>| {
        element.text().ok_or_else(|| {
            let found = element.kind();
            CREDENTIAL.invalid(format!("Credential.{member} has {found} in it. It must be {wanted}."))
        })
    };
    elements.into_iter().map(text).collect()
}

/// Names with one or more values each.
fn values<'a>(member: &str, json: Json<'a>) -> Result<Values<'a>> {
    let members = json
        .members()
        .ok_or_else(|| CREDENTIAL.wrong_type(member, json, "an object of names with strings or arrays of strings"))?;
    let mut values = Values::with_capacity(members.len());
    for (name, value) in members {
        if values.iter().any(|(known, _)| *known == name) {
            return Err(CREDENTIAL.invalid(format!("Credential.{member} names '{name}' twice.")));
        }
        let texts = match value.text() {
            Some(text) => vec![text],
            None => {
                let elements = value.elements();
                let texts = elements.and_then(|all| all.into_iter().map(Json::text).collect());
                texts.ok_or_else(|| {
                    let wrong = value
                        .elements()
                        .and_then(|all| all.into_iter().find(|one| one.text().is_none()));
                    let found = match wrong {
                        Some(element) => format!("has {} in it", element.kind()),
                        None => format!("is {}", value.kind()),
                    };
                    CREDENTIAL.invalid(format!(
                        "Credential.{member}['{name}'] {found}. It must be a string or an array of strings."
                    ))
                })?
            }
        };
        values.push((name, texts));
    }
    // In an order of its own: an object's members have none, and the same input gives the same body.
    values.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(values)
}

impl<'a> Authorization<'a> {
    fn read(json: Json<'a>) -> Result<Self> {
        let (mut scheme, mut parameter) = (None, None);
        CREDENTIAL.each_member(json, "Credential.Authorization", |name, value| match name {
            "scheme" => {
                let text = CREDENTIAL.text("Authorization.Scheme", value)?;
                CREDENTIAL.set(&mut scheme, "Authorization.Scheme", text)
            }
            "parameter" => {
                let text = CREDENTIAL.text("Authorization.Parameter", value)?;
                CREDENTIAL.set(&mut parameter, "Authorization.Parameter", text)
            }
            _ => Ok(false),
        })?;
        let part = |what: &str, value: Option<Text<'a>>, most: usize| {
            let value = value.filter(|value| !value.trim().is_empty()).ok_or_else(|| {
                CREDENTIAL.invalid(format!(
                    "The credential's authorization header has no {what}. It needs both a scheme and a parameter."
                ))
            })?;
            let length = value.chars().count();
            if length > most {
                return Err(CREDENTIAL.invalid(format!(
                    "The {what} of the credential's authorization header has {length} characters. It may have {most}."
                )));
            }
            Ok(value)
        };
        Ok(Self {
            scheme: part("scheme", scheme, 100)?,
            parameter: part("parameter", parameter, 300)?,
        })
    }
}

impl<'a> Proxy<'a> {
    fn read(json: Json<'a>) -> Result<Self> {
        let (mut url, mut username, mut password) = (None, None, None);
        let mut user = |name: &str, value: Json<'a>| match name {
            "username" => PROXY.set(&mut username, "UserName", PROXY.text("UserName", value)?),
            "password" => PROXY.set(&mut password, "Password", PROXY.text("Password", value)?),
            _ => Ok(false),
        };
        PROXY.each_member(json, "Proxy", |name, value| match name {
            "url" => PROXY.set(&mut url, "Url", PROXY.text("Url", value)?),
            "proxycredentials" | "proxycredential" => {
                PROXY.each_member(value, "Proxy.ProxyCredentials", &mut user)?;
                Ok(true)
            }
            _ => user(name, value),
        })?;
        let url = url
            .filter(|url| !url.trim().is_empty())
            .ok_or_else(|| PROXY.invalid("The proxy has no URL. It needs one, like http://proxy.contoso.com:8080."))?;
        check_length(&url)
            .and_then(|()| {
                check_http_url(
                    &url,
                    "an absolute http or https URL, like http://proxy.contoso.com:8080",
                )
            })
            .map_err(|why| PROXY.invalid(format!("The proxy's URL cannot be used. {why}")))?;
        // Neither is what Az's empty PSCredential has.
        let given = |text: Option<Text<'a>>| text.filter(|text| !text.is_empty());
        let (username, password) = (given(username), given(password));
        if password.is_some() && username.as_ref().is_none_or(|user| user.trim().is_empty()) {
            return Err(PROXY.invalid("The proxy has a password and no user name. Give both or neither."));
        }
        Ok(Self {
            url,
            username,
            password,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json;

    fn read(settings: &Value) -> std::result::Result<Value, (String, String)> {
        let text = json!({ "settings": settings }).to_string();
        let members = json::object(&text).expect("an object");
        match Settings::read(members[0].1) {
            Ok(Some(settings)) => Ok(serde_json::from_slice(&settings.to_body()).expect("JSON")),
            Ok(None) => Ok(Value::Null),
            Err(error) => Err((error.code, error.message)),
        }
    }

    const THUMBPRINT: &str = "00aABBccddeeff00112233445566778899aabbcc";

    #[test]
    fn az_names_and_the_wires_make_the_same_body() {
        let wire = json!({
            "protocol": "soap",
            "url": "https://contoso.com/\u{e4}",
            "credentials": {
                "certificate": [THUMBPRINT], "certificateIds": ["an-id"],
                "query": { "q": ["1", "2"] }, "header": { "h\n": ["x\"y"] },
                "authorization": { "scheme": "Basic", "parameter": "p" },
            },
            "proxy": { "url": "http://proxy:8080", "username": "user", "password": "pass\\word" },
        });
        let az = json!({
            "PROTOCOL": "SOAP",
            "Url": "https://contoso.com/\u{e4}",
            "Credential": {
                "Certificate": ["an-id", THUMBPRINT], "Query": { "q": ["1", "2"] }, "Header": { "h\n": "x\"y" },
                "Authorization": { "Scheme": "Basic", "Parameter": "p" },
            },
            "Proxy": { "Url": "http://proxy:8080", "ProxyCredentials": { "UserName": "user", "Password": "pass\\word" } },
        });
        let body = json!({ "properties": wire });
        assert_eq!(read(&wire), Ok(body.clone()));
        assert_eq!(read(&az), Ok(body));
    }

    #[test]
    fn what_is_null_or_empty_is_as_if_left_out() {
        assert_eq!(read(&json!({})), Ok(Value::Null));
        assert_eq!(
            read(&json!({ "Protocol": null, "Url": null, "Credential": null, "Proxy": null, "Other": null })),
            Ok(Value::Null)
        );
        let sparse = json!({
            "Credential": { "Certificate": null, "Query": {}, "Header": { "h": ["v"] }, "Authorization": null },
            "Proxy": { "Url": "http://proxy", "ProxyCredentials": { "UserName": null, "Password": "" }, "UserName": "" },
        });
        let body = json!({ "properties": { "credentials": { "header": { "h": ["v"] } }, "proxy": { "url": "http://proxy" } } });
        assert_eq!(read(&sparse), Ok(body));
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_type() {
        for (settings, code, message) in [
            (json!([]), "InvalidItem", "settings is an array. It must be an object."),
            (
                json!({ "Title": "x" }),
                "InvalidItem",
                "settings has a member 'Title' that is not known.",
            ),
            (
                json!({ "url": "https://a", "Url": "https://b" }),
                "InvalidItem",
                "settings.Url is given twice.",
            ),
            (
                json!({ "Protocol": 1 }),
                "InvalidProtocol",
                "Protocol is a number. It must be a string: http or soap.",
            ),
            (
                json!({ "Url": true }),
                "InvalidUrl",
                "Url is true or false. It must be a string.",
            ),
            (
                json!({ "Credential": "x" }),
                "InvalidCredential",
                "Credential is a string. It must be an object.",
            ),
            (
                json!({ "Credential": { "Cert": [] } }),
                "InvalidCredential",
                "Credential has a member 'Cert' that is not known.",
            ),
            (
                json!({ "Credential": { "Certificate": "x" } }),
                "InvalidCredential",
                "Credential.Certificate is a string. It must be an array of strings.",
            ),
            (
                json!({ "Credential": { "Certificate": ["x", 1] } }),
                "InvalidCredential",
                "Credential.Certificate has a number in it. It must be an array of strings.",
            ),
            (
                json!({ "Credential": { "Query": ["x"] } }),
                "InvalidCredential",
                "Credential.Query is an array. It must be an object of names with strings or arrays of strings.",
            ),
            (
                json!({ "Credential": { "Header": { "h": 5 } } }),
                "InvalidCredential",
                "Credential.Header['h'] is a number. It must be a string or an array of strings.",
            ),
            (
                json!({ "Credential": { "Header": { "h": ["x", null] } } }),
                "InvalidCredential",
                "Credential.Header['h'] has null in it. It must be a string or an array of strings.",
            ),
            (
                json!({ "Credential": { "Authorization": { "Scheme": {}, "Parameter": "x" } } }),
                "InvalidCredential",
                "Credential.Authorization.Scheme is an object. It must be a string.",
            ),
            (
                json!({ "Proxy": "http://proxy" }),
                "InvalidProxy",
                "Proxy is a string. It must be an object.",
            ),
            (
                json!({ "Proxy": { "Url": 8080 } }),
                "InvalidProxy",
                "Proxy.Url is a number. It must be a string.",
            ),
            (
                json!({ "Proxy": { "Url": "http://p", "ProxyCredentials": "u:p" } }),
                "InvalidProxy",
                "Proxy.ProxyCredentials is a string. It must be an object.",
            ),
            (
                json!({ "Proxy": { "Url": "http://p", "UserName": "a", "ProxyCredentials": { "UserName": "b" } } }),
                "InvalidProxy",
                "Proxy.UserName is given twice.",
            ),
        ] {
            assert_eq!(
                read(&settings),
                Err((code.to_owned(), message.to_owned())),
                "{settings}"
            );
        }
    }

    #[test]
    fn a_service_fabric_url_is_for_backends_only() {
        for url in ["fabric:/app/service", "FABRIC:/app"] {
            assert_eq!(
                read(&json!({ "Url": url })),
                Ok(json!({ "properties": { "url": url } }))
            );
            assert_eq!(
                read(&json!({ "Proxy": { "Url": url } })).map_err(|e| e.0),
                Err("InvalidProxy".to_owned())
            );
        }
        for url in [
            "fabric:",
            "fabric:/",
            "fabric://app",
            "fabric:/a b",
            "fabric:app",
            "fabric:/a\n",
        ] {
            assert_eq!(
                read(&json!({ "Url": url })).map_err(|e| e.0),
                Err("InvalidUrl".to_owned()),
                "{url}"
            );
        }
    }

    #[test]
    fn a_body_is_written_in_the_memory_reserved_for_it() {
        // The worst that names, brackets and escapes can make of short texts; to_body checks it.
        let many: serde_json::Map<String, Value> = (0..500).map(|n| (n.to_string(), "".into())).collect();
        let ids = vec![""; 32].iter().map(|_| "x").collect::<Vec<_>>();
        for settings in [
            json!({ "url": "fabric:/a" }),
            json!({ "credential": { "query": { "a": "" } } }),
            json!({ "credential": { "query": many, "certificate": ids, "header": { "\u{1}\"\\": ["\u{1f}\u{7f}/"] } } }),
            json!({ "proxy": { "url": "http://p" } }),
        ] {
            assert!(read(&settings).is_ok(), "{settings}");
        }
    }
}
