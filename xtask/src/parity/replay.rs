//! Sending recorded requests to the emulator, each after what set its state up.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::difference::{self, Answer, Difference};
use super::recordings::{Example, Exchange};
use crate::emulator::{Emulator, SUBSCRIPTION};
use crate::tls;

/// What each exchange of a group differs in.
pub type Results = Vec<(String, Vec<Difference>)>;

pub struct Replay<'a> {
    emulator: &'a Emulator,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    /// How many exchanges show a state that no recorded request set up.
    pub set_up: usize,
}

/// The version of requests that only set something up.
const VERSION: &str = "2022-08-01";

impl<'a> Replay<'a> {
    pub fn new(emulator: &'a Emulator) -> Result<Self> {
        tls::install_provider();
        let ca = std::fs::read(emulator.ca())?;
        Ok(Self {
            emulator,
            client: reqwest::Client::builder()
                .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
                .no_proxy()
                // As recorded.
                .http1_only()
                .build()?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            set_up: 0,
        })
    }

    /// Replays the exchanges with one service.
    pub fn service(&mut self, exchanges: &[Exchange]) -> Result<Results> {
        let Some(first) = exchanges.first() else {
            return Ok(Vec::new());
        };
        let recorded = first.path().split('/').nth(2).unwrap_or_default().to_owned();
        let here = |text: &str| text.replace(&recorded, SUBSCRIPTION);
        self.new_service(&here(first.service()))?;
        self.know_certificates(exchanges)?;
        // By the recorded ETags, those of the emulator, and the other way round what is known to be there.
        let mut etags: BTreeMap<String, String> = BTreeMap::new();
        let mut unseen_write = false;
        let mut results = Vec::new();
        for exchange in exchanges {
            let path = here(exchange.path());
            match (exchange.method.as_str(), exchange.status, exchange.etag()) {
                ("PUT" | "PATCH", 200..=299, None) => unseen_write = true,
                ("GET", 200, Some(etag)) if !etags.contains_key(etag) => {
                    if !unseen_write {
                        self.set_up += 1;
                        let body: Value = serde_json::from_str(exchange.response_body.as_deref().unwrap_or_default())?;
                        self.put(&path, &json!({ "properties": body["properties"] }))?;
                    }
                    unseen_write = false;
                }
                ("GET", 404, _)
                    if !exchange.is_list() && self.send("HEAD", &path, &BTreeMap::new(), None)?.status == 200 =>
                {
                    self.set_up += 1;
                    let any = BTreeMap::from([("If-Match".to_owned(), "*".to_owned())]);
                    self.send("DELETE", &path, &any, None)?;
                }
                _ => {}
            }
            let mut headers = exchange.request_headers.clone();
            if let Some(tag) = headers.get_mut("If-Match").filter(|tag| *tag != "*") {
                *tag = etags
                    .get(tag)
                    .with_context(|| format!("nothing has the ETag {tag}"))?
                    .clone();
            }
            let body = exchange.request_body.as_deref().map(here);
            let found = self.send(&exchange.method, &path, &headers, body.filter(|body| !body.is_empty()))?;
            if let (Some(recorded), Some(etag)) = (exchange.etag(), found.headers.get("etag")) {
                etags.insert(recorded.to_owned(), etag.clone());
            }
            let mut expected = Answer {
                status: exchange.status,
                headers: exchange
                    .response_headers
                    .iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                    .collect(),
                body: here(exchange.response_body.as_deref().unwrap_or_default()),
            };
            // Some recordings have the id of the subscription replaced, and not the length.
            if let Some(length) = expected
                .headers
                .get_mut("content-length")
                .filter(|_| !expected.body.is_empty())
            {
                *length = expected.body.len().to_string();
            }
            let mut differences = difference::of_heads(&expected, &found);
            differences.extend(difference::of_texts(&expected.body, &found.body));
            results.push((format!("{} {}", exchange.method, exchange.path()), differences));
        }
        Ok(results)
    }

    /// Replays one example of the specification, once for each answer that it shows.
    pub fn example(&mut self, example: &Example) -> Result<Results> {
        let parameter = |name: &str| {
            example
                .example
                .parameters
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let recorded = parameter("subscriptionId");
        let here = |body: &Value| body.to_string().replace(recorded, SUBSCRIPTION);
        let service = format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/{}/providers/Microsoft.ApiManagement/service/{}",
            parameter("resourceGroupName"),
            parameter("serviceName")
        );
        self.new_service(&service)?;
        let path = example.path.replace("{backendId}", parameter("backendId"));
        let path = format!("{service}{path}?api-version={}", parameter("api-version"));
        let bodies = example
            .example
            .responses
            .values()
            .filter_map(|answer| answer.body.as_ref());
        let shown: Vec<&Value> = bodies
            .flat_map(|body| body["value"].as_array().map_or(vec![body], |all| all.iter().collect()))
            .collect();
        if example.method != "PUT" {
            self.set_up += 1;
            for backend in &shown {
                let name = backend["name"].as_str().context("a backend has a name")?;
                let path = format!("{service}/backends/{name}?api-version={VERSION}");
                self.put(
                    &path,
                    &serde_json::from_str(&here(&json!({ "properties": backend["properties"] })))?,
                )?;
            }
            if shown.is_empty() {
                let path = format!("{service}/backends/{}?api-version={VERSION}", parameter("backendId"));
                self.put(
                    &path,
                    &json!({ "properties": { "url": "https://example.com", "protocol": "http" } }),
                )?;
            }
        }
        let mut headers = BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]);
        if let Some(Value::String(tag)) = example.example.parameters.get("If-Match") {
            headers.insert("If-Match".to_owned(), tag.clone());
        }
        let body = example.example.parameters.get("parameters").map(here);
        // A PUT creates first, and then replaces.
        let statuses: BTreeSet<&String> = example.example.responses.keys().collect();
        let mut results = Vec::new();
        for status in statuses.into_iter().rev() {
            let found = self.send(&example.method, &path, &headers, body.clone())?;
            let mut differences = Vec::new();
            let number: u16 = status.parse()?;
            if found.status != number {
                let text = format!("expected {number}, found {}: {}", found.status, found.body);
                differences.push(Difference {
                    field: "status".to_owned(),
                    text,
                });
            } else if let Some(expected) = &example.example.responses[status].body {
                let expected = serde_json::from_str(&here(expected))?;
                let found = serde_json::from_str(&found.body)?;
                difference::of_values(&expected, &found, "", &mut differences);
            }
            results.push((format!("{} ({status})", example.name), differences));
        }
        Ok(results)
    }

    /// Makes a service that is empty, and its group.
    fn new_service(&self, service: &str) -> Result<()> {
        let group = service.split("/providers/").next().unwrap_or_default();
        let versioned = |path: &str| format!("{path}?api-version={VERSION}");
        self.send("DELETE", &versioned(service), &BTreeMap::new(), None)?;
        for path in [group, service] {
            self.put(&versioned(path), &json!({ "location": "westus" }))?;
        }
        Ok(())
    }

    /// The recordings leave the certificates out; the answers show which there were.
    fn know_certificates(&self, exchanges: &[Exchange]) -> Result<()> {
        let mut known = BTreeMap::new();
        for exchange in exchanges {
            let body = exchange.response_body.as_deref().unwrap_or_default();
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            let cluster = &body["properties"]["properties"]["serviceFabricCluster"];
            if let (Some(id), Some(thumbprint)) = (
                cluster["clientCertificateId"].as_str(),
                cluster["clientCertificateThumbprint"].as_str(),
            ) {
                let id = id.rsplit('/').next().unwrap_or_default();
                known.insert(id.to_owned(), thumbprint.to_owned());
            }
        }
        let answer = self.send(
            "PUT",
            "/_emulator/known",
            &BTreeMap::new(),
            Some(json!({ "certificates": known }).to_string()),
        )?;
        anyhow::ensure!(
            answer.status == 204,
            "the emulator did not take the certificates: {}",
            answer.body
        );
        Ok(())
    }

    fn put(&self, path: &str, body: &Value) -> Result<()> {
        let headers = BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]);
        let answer = self.send("PUT", path, &headers, Some(body.to_string()))?;
        anyhow::ensure!(answer.status < 300, "PUT {path} got {}: {}", answer.status, answer.body);
        Ok(())
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &BTreeMap<String, String>,
        body: Option<String>,
    ) -> Result<Answer> {
        self.runtime.block_on(async {
            let mut request = self
                .client
                .request(method.parse()?, format!("{}{path}", self.emulator.url()))
                // Links name the host that the caller used.
                .header("Host", "management.azure.com")
                .bearer_auth("parity");
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request = match body {
                Some(body) => request.body(body),
                None => request.header("Content-Length", 0),
            };
            let response = request.send().await?;
            let status = response.status().as_u16();
            let headers = response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
                .collect();
            Ok(Answer {
                status,
                headers,
                body: response.text().await?,
            })
        })
    }
}
