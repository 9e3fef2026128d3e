//! What API Management accepts: names, a backend's properties, the body of a reconnect.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::fault::ErrorDetail;

/// Whether an API Management service can have this name.
pub(crate) fn is_service_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=50).contains(&bytes.len())
        && bytes[0].is_ascii_alphabetic()
        && bytes[bytes.len() - 1].is_ascii_alphanumeric()
        && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a resource group can have this name.
pub(crate) fn is_group_name(name: &str) -> bool {
    (1..=90).contains(&name.chars().count())
        && !name.ends_with('.')
        && name
            .chars()
            .all(|letter| letter.is_alphanumeric() || "_-.()".contains(letter))
}

/// Whether a text is a GUID in its usual form.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a text has the form of an API version: a date, with `-preview` or without.
pub(crate) fn is_api_version(text: &str) -> bool {
    let (date, suffix) = text.split_at_checked(10).unwrap_or((text, ""));
    date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && (suffix.is_empty() || suffix.eq_ignore_ascii_case("-preview"))
}

/// What is wrong with a backend's id, if anything is.
pub(crate) fn backend_id_problem(id: &str) -> Option<&'static str> {
    // Most ids are short and plain; only the rest need a look at each character.
    if id.len() <= 80 && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if id.trim().is_empty() || id == "." || id == ".." {
        Some("A backend's id must not be blank, '.' or '..'.")
    } else if id.chars().count() > 80 {
        Some("A backend's id has 80 characters at most.")
    } else if id
        .chars()
        .any(|letter| letter.is_control() || "*#&+:<>?/\\".contains(letter))
    {
        Some("A backend's id must contain none of *#&+:<>?/\\ and no control character.")
    } else {
        None
    }
}

/// The body of a reconnect.
#[derive(Deserialize)]
struct ReconnectBody<'a> {
    #[serde(borrow, default)]
    properties: Option<ReconnectProperties<'a>>,
}

#[derive(Deserialize)]
struct ReconnectProperties<'a> {
    #[serde(borrow, default)]
    after: Option<std::borrow::Cow<'a, str>>,
}

/// What is wrong with the body of a reconnect.
pub(crate) enum BadReconnect {
    /// Not the JSON that is expected; the text says where.
    Malformed(String),
    /// `properties.after` is not a duration; this is its value.
    After(String),
}

/// Checks the body of a reconnect, which may be empty.
pub(crate) fn check_reconnect(body: &[u8]) -> Result<(), BadReconnect> {
    if body.is_empty() {
        return Ok(());
    }
    let body: Option<ReconnectBody<'_>> =
        serde_json::from_slice(body).map_err(|error| BadReconnect::Malformed(error.to_string()))?;
    match body.and_then(|body| body.properties?.after) {
        Some(after) if !is_duration(&after) => Err(BadReconnect::After(after.into_owned())),
        _ => Ok(()),
    }
}

/// Whether a text is an ISO 8601 duration that is not negative, such as `PT3S` or `P1DT2H30.5S`.
fn is_duration(text: &str) -> bool {
    let Some(text) = text.strip_prefix('P') else {
        return false;
    };
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let date_parts = designators(date, "YMD", false);
    let time_parts = match time {
        // A T announces at least one part.
        Some(time) => designators(time, "HMS", true).filter(|&parts| parts > 0),
        None => Some(0),
    };
    matches!((date_parts, time_parts), (Some(date), Some(time)) if date + time > 0)
}

/// How many number-and-letter parts a text is made of, the letters in the order of `letters`, each at most once; `None`
/// if it is anything else. With `fraction`, the number before the last letter may have decimals.
fn designators(mut text: &str, mut letters: &str, fraction: bool) -> Option<usize> {
    let mut parts = 0;
    while !text.is_empty() {
        let (number, rest) = text.split_at(text.find(|letter: char| letter.is_ascii_uppercase())?);
        let letter = &rest[..1];
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let valid = match number.split_once('.') {
            None => digits(number),
            Some((whole, decimals)) => fraction && letter == "S" && digits(whole) && digits(decimals),
        };
        if !valid {
            return None;
        }
        letters = &letters[letters.find(letter)? + 1..];
        text = &rest[1..];
        parts += 1;
    }
    Some(parts)
}

/// The members of a backend's properties that the service knows. Others are dropped, as the service does.
const MEMBERS: [&str; 12] = [
    "title",
    "description",
    "resourceId",
    "url",
    "protocol",
    "type",
    "pool",
    "credentials",
    "proxy",
    "tls",
    "circuitBreaker",
    "properties",
];

/// Drops what the service does not know.
pub(crate) fn keep_known(properties: &mut Map<String, Value>) {
    properties.retain(|name, _| MEMBERS.contains(&name.as_str()));
}

/// What is wrong with the properties of a backend, all at once; empty if nothing is.
pub(crate) fn backend_problems(properties: &Map<String, Value>) -> Vec<ErrorDetail> {
    let mut check = Check { problems: Vec::new() };
    let pooled = check
        .one_of(properties, "type", &["Single", "Pool"])
        .is_some_and(|kind| kind.eq_ignore_ascii_case("Pool"));
    check.text(properties, "title", 300);
    check.text(properties, "description", 2000);
    check.text(properties, "resourceId", 2000);
    check.url(properties, "url", "url", !pooled);
    let protocol = check.one_of(properties, "protocol", &["http", "soap"]);
    if protocol.is_none() && !pooled && is_absent(properties.get("protocol")) {
        check.problem("protocol", "protocol is required: http or soap.");
    }
    if let Some(pool) = check.object(properties, "pool", "pool") {
        check.pool(pool);
    } else if pooled && is_absent(properties.get("pool")) {
        check.problem("pool", "A backend of type Pool needs a pool.");
    }
    if let Some(credentials) = check.object(properties, "credentials", "credentials") {
        check.credentials(credentials);
    }
    if let Some(proxy) = check.object(properties, "proxy", "proxy") {
        check.url(proxy, "url", "proxy.url", true);
        check.string(proxy, "username", "proxy.username");
        check.string(proxy, "password", "proxy.password");
    }
    if let Some(tls) = check.object(properties, "tls", "tls") {
        for name in ["validateCertificateChain", "validateCertificateName"] {
            if tls
                .get(name)
                .is_some_and(|value| !value.is_boolean() && !value.is_null())
            {
                check.problem(&format!("tls.{name}"), format!("{name} must be true or false."));
            }
        }
    }
    check.object(properties, "circuitBreaker", "circuitBreaker");
    if let Some(inner) = check.object(properties, "properties", "properties")
        && let Some(cluster) = check.object(inner, "serviceFabricCluster", "properties.serviceFabricCluster")
    {
        check.cluster(cluster);
    }
    check.problems
}

fn is_absent(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_null)
}

struct Check {
    problems: Vec<ErrorDetail>,
}

impl Check {
    fn problem(&mut self, target: &str, message: impl Into<String>) {
        self.problems.push(ErrorDetail::validation(target, message));
    }

    fn string<'a>(&mut self, holder: &'a Map<String, Value>, name: &str, target: &str) -> Option<&'a str> {
        match holder.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.problem(target, format!("{name} must be a string."));
                None
            }
        }
    }

    fn bounded<'a>(
        &mut self,
        holder: &'a Map<String, Value>,
        name: &str,
        target: &str,
        most: usize,
    ) -> Option<&'a str> {
        let text = self.string(holder, name, target)?;
        if !(1..=most).contains(&text.chars().count()) {
            self.problem(target, format!("{name} must have 1 to {most} characters."));
            return None;
        }
        Some(text)
    }

    fn text(&mut self, holder: &Map<String, Value>, name: &str, most: usize) {
        self.bounded(holder, name, name, most);
    }

    fn url(&mut self, holder: &Map<String, Value>, name: &str, target: &str, required: bool) {
        if required && is_absent(holder.get(name)) {
            self.problem(target, format!("{name} is required."));
        }
        if let Some(text) = self.bounded(holder, name, target, 2000)
            && !Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            self.problem(
                target,
                format!("{name} '{text}' must be an absolute http or https URL."),
            );
        }
    }

    fn one_of<'a>(&mut self, holder: &'a Map<String, Value>, name: &str, allowed: &[&str]) -> Option<&'a str> {
        let text = self.string(holder, name, name)?;
        if allowed.iter().any(|value| value.eq_ignore_ascii_case(text)) {
            return Some(text);
        }
        self.problem(
            name,
            format!("{name} '{text}' is not supported; it must be {}.", allowed.join(" or ")),
        );
        None
    }

    fn object<'a>(
        &mut self,
        holder: &'a Map<String, Value>,
        name: &str,
        target: &str,
    ) -> Option<&'a Map<String, Value>> {
        match holder.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Object(object)) => Some(object),
            Some(_) => {
                self.problem(target, format!("{name} must be an object."));
                None
            }
        }
    }

    fn strings(&mut self, value: &Value, target: &str, most: Option<usize>) {
        match value {
            Value::Array(items) if items.iter().all(Value::is_string) => {
                if let Some(most) = most.filter(|&most| items.len() > most) {
                    self.problem(target, format!("{target} has {most} entries at most."));
                }
            }
            _ => self.problem(target, format!("{target} must be an array of strings.")),
        }
    }

    fn credentials(&mut self, credentials: &Map<String, Value>) {
        for name in ["certificate", "certificateIds"] {
            if let Some(value) = credentials.get(name).filter(|value| !value.is_null()) {
                self.strings(value, &format!("credentials.{name}"), Some(32));
            }
        }
        for name in ["query", "header"] {
            let target = format!("credentials.{name}");
            if let Some(values) = self.object(credentials, name, &target) {
                for (key, value) in values {
                    self.strings(value, &format!("{target}.{key}"), None);
                }
            }
        }
        if let Some(authorization) = self.object(credentials, "authorization", "credentials.authorization") {
            for (name, most) in [("scheme", 100), ("parameter", 300)] {
                let target = format!("credentials.authorization.{name}");
                if is_absent(authorization.get(name)) {
                    self.problem(&target, format!("{name} is required."));
                }
                self.bounded(authorization, name, &target, most);
            }
        }
    }

    fn pool(&mut self, pool: &Map<String, Value>) {
        let services = match pool.get("services") {
            Some(Value::Array(services)) if (1..=30).contains(&services.len()) => services,
            _ => return self.problem("pool.services", "A pool needs services, 1 to 30."),
        };
        for (at, service) in services.iter().enumerate() {
            if !service.get("id").is_some_and(Value::is_string) {
                self.problem(&format!("pool.services[{at}].id"), "id is required.");
            }
            for name in ["weight", "priority"] {
                if service
                    .get(name)
                    .is_some_and(|value| value.as_u64().is_none_or(|number| number > 100))
                {
                    self.problem(
                        &format!("pool.services[{at}].{name}"),
                        format!("{name} must be a whole number from 0 to 100."),
                    );
                }
            }
        }
    }

    fn cluster(&mut self, cluster: &Map<String, Value>) {
        const TARGET: &str = "properties.serviceFabricCluster";
        match cluster.get("managementEndpoints").filter(|value| !value.is_null()) {
            Some(value) => self.strings(value, &format!("{TARGET}.managementEndpoints"), None),
            None => self.problem(
                &format!("{TARGET}.managementEndpoints"),
                "managementEndpoints is required.",
            ),
        }
        if let Some(value) = cluster
            .get("serverCertificateThumbprints")
            .filter(|value| !value.is_null())
        {
            self.strings(value, &format!("{TARGET}.serverCertificateThumbprints"), None);
        }
        for name in ["clientCertificateId", "clientCertificatethumbprint"] {
            self.string(cluster, name, &format!("{TARGET}.{name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations() {
        for good in [
            "PT3S",
            "PT0S",
            "P1D",
            "P1DT2H",
            "PT1.5S",
            "PT2M",
            "P1Y2M3DT4H5M6S",
            "PT2147483647S",
        ] {
            assert!(is_duration(good), "{good}");
        }
        for bad in [
            "", "P", "PT", "3S", "PT3", "PTS", "-PT3S", "PT-3S", "PT3S4H", "P3S", "PT1.S", "PT1.5H", "P1DT", "pt3s",
            "PT3S ",
        ] {
            assert!(!is_duration(bad), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert!(is_service_name("contoso") && is_service_name("a") && is_service_name("a-1"));
        for bad in ["", "1a", "a-", "a_b", &"a".repeat(51)] {
            assert!(!is_service_name(bad), "{bad}");
        }
        assert!(is_group_name("Api-Default-WestUS") && is_group_name("a.(b)_c"));
        assert!(!is_group_name("a.") && !is_group_name("") && !is_group_name("a b"));
        assert!(is_api_version("2024-05-01") && is_api_version("2024-06-01-preview"));
        assert!(!is_api_version("latest") && !is_api_version("2024-05-01x") && !is_api_version("2024-05"));
        assert!(is_guid("00000000-0000-0000-0000-0000000000aF"));
        assert!(!is_guid("00000000-0000-0000-0000-00000000000g"));
    }

    #[test]
    fn backend_ids() {
        for good in ["1", "a b", "sf-backend", "ä", &"x".repeat(80)] {
            assert_eq!(backend_id_problem(good), None, "{good}");
        }
        for bad in ["", " ", ".", "..", "a/b", "a:b", "a\nb", &"x".repeat(81)] {
            assert!(backend_id_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn every_wrong_field_of_a_backend_is_named() {
        let targets = |value: Value| -> Vec<String> {
            let Value::Object(properties) = value else {
                panic!("not an object")
            };
            backend_problems(&properties)
                .into_iter()
                .filter_map(|problem| problem.target)
                .collect()
        };
        assert!(targets(json!({"url": "https://a.example/x", "protocol": "http"})).is_empty());
        assert!(targets(json!({"type": "Pool", "pool": {"services": [{"id": "/a"}]}})).is_empty());
        assert_eq!(targets(json!({})), ["url", "protocol"]);
        assert_eq!(
            targets(json!({
                "url": "ftp://a", "protocol": "tcp", "title": "",
                "credentials": {"header": {"x": "y"}, "authorization": {"scheme": "Basic"}},
                "proxy": {"username": 1}, "tls": {"validateCertificateChain": "no"}
            })),
            [
                "title",
                "url",
                "protocol",
                "credentials.header.x",
                "credentials.authorization.parameter",
                "proxy.url",
                "proxy.username",
                "tls.validateCertificateChain"
            ]
        );
    }
}
