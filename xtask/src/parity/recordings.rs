//! Recorded exchanges, read and put in the order in which the service saw them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// What a folder holds.
pub struct Found {
    /// The exchanges with each service, in order.
    pub services: Vec<Vec<Exchange>>,
    /// Examples of the specification.
    pub examples: Vec<Example>,
    /// Files without either.
    pub other: Vec<String>,
}

/// One recorded request with its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    pub method: String,
    pub uri: String,
    #[serde(default)]
    pub request_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub request_body: Option<String>,
    pub status: u16,
    #[serde(default)]
    pub response_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub response_body: Option<String>,
}

/// One example of the specification, with an answer for each status.
#[derive(Debug, Clone, Deserialize)]
pub struct Example {
    pub name: String,
    pub method: String,
    /// Below the service, with its parameters in braces.
    pub path: String,
    pub example: Parts,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Parts {
    pub parameters: BTreeMap<String, Value>,
    pub responses: BTreeMap<String, Answer>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    #[serde(default)]
    pub body: Option<Value>,
}

pub fn read(folder: &Path) -> Result<Found> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let (mut exchanges, mut examples, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let unreadable = || format!("{} is not what it should be", file.display());
        let all: Vec<Value> = serde_json::from_str(&text).with_context(unreadable)?;
        let has = |member: &str| all.first().is_some_and(|first| first.get(member).is_some());
        if has("uri") {
            let read: Vec<Exchange> = serde_json::from_value(Value::Array(all)).with_context(unreadable)?;
            exchanges.extend(read);
        } else if has("example") {
            let read: Vec<Example> = serde_json::from_value(Value::Array(all)).with_context(unreadable)?;
            examples.extend(read);
        } else {
            other.extend(file.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    let mut services: BTreeMap<String, Vec<Exchange>> = BTreeMap::new();
    for exchange in exchanges {
        services
            .entry(exchange.service().to_owned())
            .or_default()
            .push(exchange);
    }
    Ok(Found {
        services: services.into_values().map(in_order).collect(),
        examples,
        other,
    })
}

impl Exchange {
    /// The path up to the service's name.
    pub fn service(&self) -> &str {
        let path = self.path();
        path.find("/backends").map_or(path, |end| &path[..end])
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        let start = self.uri.find("/subscriptions/").unwrap_or(0);
        &self.uri[start..]
    }

    pub fn is_list(&self) -> bool {
        self.path()
            .split('?')
            .next()
            .is_some_and(|path| path.ends_with("/backends"))
    }

    fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    pub fn etag(&self) -> Option<&str> {
        self.response_headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("etag"))
            .map(|(_, value)| value.as_str())
    }

    /// The second in which it was answered: the middle of the routing id.
    fn second(&self) -> &str {
        self.response_headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("x-ms-routing-request-id"))
            .and_then(|(_, value)| value.split(':').nth(1))
            .unwrap_or_default()
    }

    /// What was left of its bucket: the later of two has less.
    fn left(&self) -> i64 {
        self.response_headers
            .iter()
            .find(|(name, _)| name.starts_with("x-ms-ratelimit-remaining"))
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0)
    }

    /// Whether a read saw what was there before a write.
    fn saw_before(&self, write: &Self, last: Option<&str>) -> bool {
        match (write.method.as_str(), self.etag()) {
            ("DELETE", _) => self.status == 200 && !self.is_list(),
            (_, Some(etag)) => match write.etag() {
                Some(written) => row_version(etag) < row_version(written),
                None => write.status == 204 && Some(etag) == last,
            },
            _ => false,
        }
    }
}

/// An ETag as something that rises with each write: the places of its digits in the alphabet of Base64.
fn row_version(etag: &str) -> Vec<Option<usize>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    etag.chars().map(|digit| ALPHABET.find(digit)).collect()
}

/// Seconds are too coarse: within one, reads and writes each follow their counters, and a read comes before a write whose
/// effect it, or one after it, doesn't show yet.
fn in_order(mut exchanges: Vec<Exchange>) -> Vec<Exchange> {
    exchanges.sort_by(|one, other| (one.second(), -one.left()).cmp(&(other.second(), -other.left())));
    let mut ordered: Vec<Exchange> = Vec::with_capacity(exchanges.len());
    let mut last: Option<String> = None;
    while !exchanges.is_empty() {
        let second = exchanges[0].second().to_owned();
        let until = exchanges
            .iter()
            .position(|exchange| exchange.second() != second)
            .unwrap_or(exchanges.len());
        let now: Vec<Exchange> = exchanges.drain(..until).collect();
        let (mut reads, mut writes): (Vec<_>, Vec<_>) = now.into_iter().partition(Exchange::is_read);
        // A deletion has a counter of its own and comes last.
        writes.sort_by_key(|write| write.method == "DELETE");
        for write in writes {
            let before = reads
                .iter()
                .rposition(|read| read.saw_before(&write, last.as_deref()))
                .map_or(0, |place| place + 1);
            ordered.extend(reads.drain(..before));
            last = write.etag().map(str::to_owned).or(last);
            ordered.push(write);
        }
        ordered.append(&mut reads);
    }
    ordered
}
