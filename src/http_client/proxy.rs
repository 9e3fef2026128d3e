//! The proxy for https: the one that the session's environment names, else, on Windows and macOS, the one of the
//! system's settings.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy};
use url::Url;

use super::system_proxy::SystemProxy;
use super::trust::unusable;
use crate::cloud::is_loopback;
use crate::environment::Environment;
use crate::error::Result;
use crate::secret::Secret;

/// Which proxy is used, and what is reached without it. Equal ones share a client.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ProxySettings {
    /// Every address is reached directly.
    None,
    /// A variable names it. The URL may hold a password.
    Variable {
        name: &'static str,
        url: Secret,
        no_proxy: Option<String>,
    },
    /// The system's settings do, as they were when the session started.
    System(SystemProxy),
}

impl ProxySettings {
    /// Only https goes through a proxy, so HTTP_PROXY has no say.
    pub fn of(env: &Environment) -> Self {
        let variable = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .into_iter()
            .find_map(|name| Some((name, Secret::of(env.get(name)?.trim()))));
        match variable {
            Some((name, url)) => Self::Variable {
                name,
                url,
                no_proxy: env.get("NO_PROXY").or_else(|| env.get("no_proxy")).map(str::to_owned),
            },
            None => SystemProxy::current().map_or(Self::None, Self::System),
        }
    }

    /// As reqwest wants it. Only https goes through it, as a tunnel that the proxy cannot look into. Plain http goes to
    /// this machine or to its platform's identity endpoint, which no proxy can reach, and which hands out tokens in the
    /// open.
    pub fn to_proxy(&self) -> Result<Option<Proxy>> {
        match self {
            Self::None => Ok(None),
            Self::Variable { name, url, no_proxy } => {
                let url = proxy_url(url.expose()).ok_or_else(|| {
                    // The value is not shown: it may hold a password.
                    unusable(format!(
                        "{name} does not hold the URL of an http or https proxy, such as http://proxy.example.com:8080."
                    ))
                })?;
                let proxy = Proxy::https(url)
                    .map_err(|_| unusable(format!("{name} does not hold the URL of a proxy that can be used.")))?;
                Ok(Some(proxy.no_proxy(no_proxy.as_deref().and_then(NoProxy::from_string))))
            }
            Self::System(system) => {
                // One that cannot be used (SOCKS, say) is passed over, as the system's own programs do.
                let Some(server) = system.https_server().and_then(proxy_url) else {
                    return Ok(None);
                };
                let system = system.clone();
                Ok(Some(Proxy::custom(move |url| {
                    let is_used = url.scheme() == "https" && !system.is_exception(url.host_str()?, is_loopback(url));
                    is_used.then(|| server.clone())
                })))
            }
        }
    }

    /// How a proxy by which a URL is reached was named, for messages: what does not answer may be the proxy.
    pub fn source_for(&self, url: &Url) -> Option<&'static str> {
        match self {
            Self::Variable {
                name,
                url: proxy,
                no_proxy,
            } => {
                let matcher = Matcher::builder()
                    .https(proxy.expose())
                    .no(no_proxy.as_deref().unwrap_or_default())
                    .build();
                let used = url.scheme() == "https" && matcher.intercept(&url.as_str().parse().ok()?).is_some();
                used.then_some(*name)
            }
            Self::System(system) => {
                let host = url.host_str()?;
                (url.scheme() == "https" && !system.is_exception(host, is_loopback(url)))
                    .then_some("the system's settings")
            }
            Self::None => None,
        }
    }

    /// Whether the proxy itself is spoken to over TLS: it is sent a password before the connection is anybody's.
    pub fn is_tls(&self) -> bool {
        let url = match self {
            Self::None => return false,
            Self::Variable { url, .. } => Some(url.expose()),
            Self::System(system) => system.https_server(),
        };
        url.and_then(proxy_url).is_some_and(|url| url.scheme() == "https")
    }
}

fn proxy_url(value: &str) -> Option<Url> {
    let url = if value.contains("://") {
        Url::parse(value)
    } else {
        Url::parse(&format!("http://{value}"))
    }
    .ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}
