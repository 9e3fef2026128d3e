//! What API Management accepts: names, a backend's properties, the body of a reconnect. Messages marked as quoted in
//! docs/emulator.md are the service's, the others are in its manner.

use std::ops::RangeInclusive;

use hyper::StatusCode;
use serde_json::{Map, Value};
use url::Url;

use crate::replies::{ErrorDetail, Refusal};
use crate::resources::{KnownReferences, LOCATION};

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

/// The location that a body names.
pub(crate) fn location(body: &Map<String, Value>) -> Result<String, Refusal> {
    match body.get("location") {
        None => Ok(LOCATION.to_owned()),
        Some(Value::String(location)) if !location.trim().is_empty() => Ok(location.clone()),
        Some(_) => Err(Refusal::manager(
            StatusCode::BAD_REQUEST,
            "LocationRequired",
            "The location property is required for this definition.",
        )),
    }
}

/// The refusal of a service's name.
pub(crate) fn bad_service_name(name: &str) -> Refusal {
    Refusal::field(
        "serviceName",
        format!(
            "The service name '{name}' must have 1 to 50 letters, digits and hyphens, start with a letter and not end \
             with a hyphen."
        ),
    )
}

/// Checks the id of a backend or workspace; `target` is what it is called.
pub(crate) fn check_id(id: &str, target: &str) -> Result<(), Refusal> {
    // Most ids are short and plain; only the rest need a look at each character.
    if id.len() <= 80 && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let problem = if id.trim().is_empty() || id == "." || id == ".." {
        "must not be blank, '.' or '..'."
    } else if id.chars().count() > 80 {
        "has 80 characters at most."
    } else if id
        .chars()
        .any(|letter| letter.is_control() || "*#&+:<>?/\\".contains(letter))
    {
        "must contain none of *#&+:<>?/\\ and no control character."
    } else {
        return Ok(());
    };
    Err(Refusal::field(target, format!("{target} '{id}' {problem}")))
}

/// Checks the body of a reconnect.
pub(crate) fn check_reconnect(body: &Map<String, Value>) -> Result<(), Refusal> {
    let after = match body.get("properties") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(properties)) => properties.get("after"),
        Some(_) => return Err(Refusal::field("properties", "properties must be an object.")),
    };
    match after {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if is_duration(text) => Ok(()),
        Some(other) => Err(Refusal::field(
            "properties.after",
            format!("after {other} must be an ISO 8601 duration such as PT3S."),
        )),
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

/// Brings the properties of a backend into the form in which the service keeps them. `service` is the service's id.
pub(crate) fn normalise(properties: &mut Map<String, Value>, service: &str, known: &KnownReferences) {
    properties.retain(|_, value| !value.is_null());
    let Some(Value::Object(cluster)) = properties
        .get_mut("properties")
        .and_then(|inner| inner.get_mut("serviceFabricCluster"))
    else {
        return;
    };
    // The specification's own spelling; answers have another.
    if let Some(thumbprint) = cluster.shift_remove("clientCertificatethumbprint") {
        cluster.insert("clientCertificateThumbprint".into(), thumbprint);
    }
    cluster.entry("maxPartitionResolutionRetries").or_insert(3.into());
    let named = ["clientCertificateId", "clientCertificateThumbprint"]
        .iter()
        .find_map(|name| cluster.get(*name)?.as_str());
    if let Some((id, thumbprint)) = named.and_then(|text| known.certificate(text)) {
        cluster.insert(
            "clientCertificateId".into(),
            format!("{service}/certificates/{id}").into(),
        );
        cluster.insert("clientCertificateThumbprint".into(), thumbprint.into());
    }
    let mut ordered = Map::new();
    for name in CLUSTER {
        ordered.extend(cluster.shift_remove_entry(name));
    }
    ordered.append(cluster);
    *cluster = ordered;
}

/// The members of a cluster in the service's order.
const CLUSTER: [&str; 6] = [
    "managementEndpoints",
    "clientCertificateId",
    "serverCertificateThumbprints",
    "serverX509Names",
    "maxPartitionResolutionRetries",
    "clientCertificateThumbprint",
];

/// What is wrong with the properties of a backend, all at once; empty if nothing is. `strict_tls`: a `tls` with one of its
/// two flags is refused, as the service does since 2026.
pub(crate) fn backend_problems(
    properties: &Map<String, Value>,
    known: &KnownReferences,
    strict_tls: bool,
) -> Vec<ErrorDetail> {
    let mut check = Check { problems: Vec::new() };
    let pooled = check
        .one_of(properties, "type", &["Single", "Pool"])
        .is_some_and(|kind| kind.eq_ignore_ascii_case("Pool"));
    check.bounded(properties, "title", "title", 300);
    check.bounded(properties, "description", "description", 2000);
    check.url(properties, "resourceId", "resourceId", false);
    if pooled {
        for (name, message) in [
            ("url", "Url is not supported for backend pool."),
            ("protocol", "Protocol is not supported for backend pool."),
        ] {
            if properties.contains_key(name) {
                check.problem(name, message);
            }
        }
    } else {
        check.required(properties, "url", "url");
        check.url(properties, "url", "url", true);
        check.required(properties, "protocol", "protocol");
        check.one_of(properties, "protocol", &["http", "soap"]);
    }
    if let Some(pool) = check.object(properties, "pool", "pool") {
        check.pool(pool);
    } else if pooled {
        check.required(properties, "pool", "pool");
    }
    if let Some(credentials) = check.object(properties, "credentials", "credentials") {
        check.credentials(credentials);
        check.references(credentials, known);
    }
    if let Some(proxy) = check.object(properties, "proxy", "proxy") {
        check.required(proxy, "url", "proxy.url");
        check.url(proxy, "url", "proxy.url", false);
        check.string(proxy, "username", "proxy.username");
        check.string(proxy, "password", "proxy.password");
    }
    if let Some(tls) = check.object(properties, "tls", "tls") {
        for (name, other) in [
            ("validateCertificateChain", "validateCertificateName"),
            ("validateCertificateName", "validateCertificateChain"),
        ] {
            let target = format!("tls.{name}");
            match tls.get(name).filter(|value| !value.is_null()) {
                Some(Value::Bool(_)) => {}
                Some(_) => check.problem(&target, format!("{name} must be true or false.")),
                None if strict_tls && tls.get(other).is_some_and(Value::is_boolean) => {
                    check.problem(&target, "Default backend property required");
                }
                None => {}
            }
        }
    }
    if let Some(breaker) = check.object(properties, "circuitBreaker", "circuitBreaker") {
        check.circuit_breaker(breaker);
    }
    if let Some(inner) = check.object(properties, "properties", "properties")
        && let Some(cluster) = check.object(inner, "serviceFabricCluster", "properties.serviceFabricCluster")
    {
        check.cluster(cluster);
    }
    check.problems
}

struct Check {
    problems: Vec<ErrorDetail>,
}

impl Check {
    fn problem(&mut self, target: &str, message: impl Into<String>) {
        self.problems.push(ErrorDetail::validation(target, message));
    }

    fn required(&mut self, holder: &Map<String, Value>, name: &str, target: &str) {
        let empty = match holder.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        };
        if empty {
            self.problem(target, format!("'{name}' should not be empty."));
        }
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

    fn bounded(&mut self, holder: &Map<String, Value>, name: &str, target: &str, most: usize) {
        if let Some(text) = self.string(holder, name, target)
            && text.chars().count() > most
        {
            self.problem(target, format!("'{name}' should have {most} characters at most."));
        }
    }

    fn url(&mut self, holder: &Map<String, Value>, name: &str, target: &str, fabric: bool) {
        self.bounded(holder, name, target, 2000);
        let Some(text) = holder.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()) else {
            return;
        };
        let absolute = Url::parse(text).is_ok_and(|url| match url.scheme() {
            "http" | "https" => url.has_host(),
            "fabric" => fabric,
            _ => false,
        });
        if !absolute {
            self.problem(target, "Value should represent absolute http URL");
        }
    }

    fn one_of<'a>(&mut self, holder: &'a Map<String, Value>, name: &str, allowed: &[&str]) -> Option<&'a str> {
        let text = self.string(holder, name, name).filter(|text| !text.is_empty())?;
        if allowed.iter().any(|value| value.eq_ignore_ascii_case(text)) {
            return Some(text);
        }
        let (first, rest) = name.split_at(1);
        self.problem(name, format!("{}{rest} is not supported", first.to_uppercase()));
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

    fn strings(&mut self, holder: &Map<String, Value>, name: &str, target: &str, most: usize) {
        match holder.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                if items.len() > most {
                    self.problem(target, format!("'{name}' should have {most} entries at most."));
                }
            }
            Some(_) => self.problem(target, format!("{name} must be an array of strings.")),
        }
    }

    fn number(&mut self, holder: &Map<String, Value>, name: &str, target: &str, range: RangeInclusive<u64>) {
        if let Some(value) = holder.get(name).filter(|value| !value.is_null())
            && !value.as_u64().is_some_and(|number| range.contains(&number))
        {
            let (least, most) = (range.start(), range.end());
            self.problem(target, format!("{name} must be a whole number from {least} to {most}."));
        }
    }

    fn duration(&mut self, holder: &Map<String, Value>, name: &str, target: &str) {
        if self.string(holder, name, target).is_some_and(|text| !is_duration(text)) {
            self.problem(target, format!("{name} must be an ISO 8601 duration such as PT1M."));
        }
    }

    fn credentials(&mut self, credentials: &Map<String, Value>) {
        for name in ["certificate", "certificateIds"] {
            let target = format!("credentials.{name}");
            self.strings(credentials, name, &target, 32);
            if credentials
                .get(name)
                .and_then(Value::as_array)
                .is_some_and(Vec::is_empty)
            {
                self.problem(&target, format!("'{name}' should not be empty."));
            }
        }
        for name in ["query", "header"] {
            let target = format!("credentials.{name}");
            if let Some(values) = self.object(credentials, name, &target) {
                for key in values.keys() {
                    self.strings(values, key, &format!("{target}.{key}"), usize::MAX);
                }
            }
        }
        if let Some(authorization) = self.object(credentials, "authorization", "credentials.authorization") {
            for (name, most) in [("scheme", 100), ("parameter", 300)] {
                let target = format!("credentials.authorization.{name}");
                self.required(authorization, name, &target);
                self.bounded(authorization, name, &target, most);
            }
        }
    }

    /// Certificates and named values that are not there.
    fn references(&mut self, credentials: &Map<String, Value>, known: &KnownReferences) {
        let texts = |name: &str| {
            let values = credentials.get(name).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        for text in texts("certificate") {
            let found = known
                .certificate(&text)
                .is_some_and(|(_, thumbprint)| thumbprint.eq_ignore_ascii_case(&text));
            if known.certificates.is_some() && !found {
                self.problem(
                    "credentials",
                    format!("Certificate with thumbprint '{text}' not found."),
                );
            }
        }
        for text in texts("certificateIds") {
            if known.certificates.is_some() && known.certificate(&text).is_none() {
                let id = text.rsplit('/').next().unwrap_or_default();
                self.problem("credentials", format!("Certificate with id '{id}' not found."));
            }
        }
        if let Some(named_values) = &known.named_values {
            let text = Value::Object(credentials.clone()).to_string();
            for part in text.split("{{").skip(1) {
                if let Some((name, _)) = part.split_once("}}")
                    && !named_values.contains(name)
                {
                    self.problem("credentials", format!("Property '{name}' not found."));
                }
            }
        }
    }

    fn pool(&mut self, pool: &Map<String, Value>) {
        let services = match pool.get("services") {
            Some(Value::Array(services)) if (1..=30).contains(&services.len()) => services,
            _ => return self.problem("pool.services", "A pool needs services, 1 to 30."),
        };
        for (at, service) in services.iter().enumerate() {
            let target = format!("pool.services[{at}]");
            let Some(service) = service.as_object() else {
                self.problem(&target, "A service of a pool must be an object.");
                continue;
            };
            self.required(service, "id", &format!("{target}.id"));
            for name in ["weight", "priority"] {
                self.number(service, name, &format!("{target}.{name}"), 0..=100);
            }
        }
    }

    fn circuit_breaker(&mut self, breaker: &Map<String, Value>) {
        let rules = match breaker.get("rules") {
            None | Some(Value::Null) => return,
            Some(Value::Array(rules)) if rules.len() <= 15 => rules,
            Some(_) => return self.problem("circuitBreaker.rules", "rules must be an array of 15 rules at most."),
        };
        for (at, rule) in rules.iter().enumerate() {
            let target = format!("circuitBreaker.rules[{at}]");
            let Some(rule) = rule.as_object() else {
                self.problem(&target, "A rule must be an object.");
                continue;
            };
            self.string(rule, "name", &format!("{target}.name"));
            self.duration(rule, "tripDuration", &format!("{target}.tripDuration"));
            if rule
                .get("acceptRetryAfter")
                .is_some_and(|value| !value.is_boolean() && !value.is_null())
            {
                self.problem(
                    &format!("{target}.acceptRetryAfter"),
                    "acceptRetryAfter must be true or false.",
                );
            }
            let target = format!("{target}.failureCondition");
            let Some(condition) = self.object(rule, "failureCondition", &target) else {
                continue;
            };
            self.number(condition, "count", &format!("{target}.count"), 0..=u64::from(u32::MAX));
            self.number(condition, "percentage", &format!("{target}.percentage"), 0..=100);
            self.duration(condition, "interval", &format!("{target}.interval"));
            self.strings(condition, "errorReasons", &format!("{target}.errorReasons"), 10);
            let target = format!("{target}.statusCodeRanges");
            match condition.get("statusCodeRanges") {
                None | Some(Value::Null) => {}
                Some(Value::Array(ranges)) if ranges.len() <= 10 && ranges.iter().all(Value::is_object) => {
                    for range in ranges.iter().filter_map(Value::as_object) {
                        self.number(range, "min", &format!("{target}.min"), 200..=599);
                        self.number(range, "max", &format!("{target}.max"), 200..=599);
                    }
                }
                Some(_) => self.problem(&target, "statusCodeRanges must be an array of 10 ranges at most."),
            }
        }
    }

    fn cluster(&mut self, cluster: &Map<String, Value>) {
        const TARGET: &str = "properties.serviceFabricCluster";
        self.required(cluster, "managementEndpoints", &format!("{TARGET}.managementEndpoints"));
        for name in ["managementEndpoints", "serverCertificateThumbprints"] {
            self.strings(cluster, name, &format!("{TARGET}.{name}"), usize::MAX);
        }
        for name in ["clientCertificateId", "clientCertificateThumbprint"] {
            self.string(cluster, name, &format!("{TARGET}.{name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
