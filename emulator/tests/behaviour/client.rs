//! A client of one emulator, for the tests.

use std::sync::Once;

use apim_emulator::{Config, Emulator};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap};
use reqwest::{Certificate, Method, RequestBuilder, StatusCode};
use serde_json::Value;

pub const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
pub const SERVICE: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/contoso";

pub struct Client {
    pub emulator: Emulator,
    pub http: reqwest::Client,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body; null where it is empty or no JSON.
    pub body: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// The targets of the error's details.
    pub fn targets(&self) -> Vec<&str> {
        self.body["error"]["details"]
            .as_array()
            .map(|details| details.iter().filter_map(|detail| detail["target"].as_str()).collect())
            .unwrap_or_default()
    }
}

impl Client {
    pub fn start(config: Config) -> Self {
        let emulator = Emulator::start(config).expect("the emulator starts");
        let http = http_client(&emulator, |builder| builder);
        Self { emulator, http }
    }

    /// Three backends and nothing special.
    pub fn plain() -> Self {
        Self::start(Config {
            backends: 3,
            ..Config::default()
        })
    }

    /// A request, signed in, to a path below the base URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.emulator.url()))
            .header(AUTHORIZATION, "Bearer token")
    }

    /// A request to a path below the seeded service, with the API version.
    pub fn arm(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("{SERVICE}{path}"))
            .query(&[("api-version", "2024-05-01")])
    }

    pub async fn get(&self, path: &str) -> Reply {
        reply(self.arm(Method::GET, path)).await
    }

    /// The reset of a backend, without a body.
    pub fn reconnect(&self, id: &str) -> RequestBuilder {
        self.arm(Method::POST, &format!("/backends/{id}/reconnect"))
            .header(CONTENT_LENGTH, 0)
    }

    pub async fn reset(&self, id: &str) -> Reply {
        reply(self.reconnect(id)).await
    }

    /// Posts JSON to one of the emulator's own endpoints.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> Reply {
        reply(self.request(method, &format!("/_emulator{path}")).json(body)).await
    }

    /// Asks for the stats over and over until they are as wanted.
    pub async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..20_000 {
            let stats = reply(self.request(Method::GET, "/_emulator/stats")).await.body;
            if wanted(&stats) {
                return stats;
            }
        }
        panic!("the stats never became what was waited for");
    }
}

pub async fn reply(request: RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.bytes().await.expect("the whole body");
    Reply {
        status,
        headers,
        body: serde_json::from_slice(&text).unwrap_or_default(),
    }
}

pub fn http_client(
    emulator: &Emulator,
    adapt: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .expect("no provider was installed before");
    });
    let certificates = emulator
        .ca_pem()
        .map(|pem| Certificate::from_pem(pem.as_bytes()).expect("a certificate"));
    adapt(reqwest::Client::builder().no_proxy().tls_certs_only(certificates))
        .build()
        .expect("a client")
}
