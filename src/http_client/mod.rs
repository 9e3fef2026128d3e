//! The process's HTTP clients: connections to Azure Resource Manager and to token endpoints are pooled in them across
//! sessions. They are made from the sessions' environments (proxy, trusted roots), never from the process's own, and as
//! a rule there is one.

mod gate;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hyper_util::client::proxy::matcher::Matcher;
use once_cell::sync::Lazy;
use reqwest::{NoProxy, Proxy, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use url::Url;

use gate::GateLayer;

use crate::environment::Environment;
use crate::error::{Category, Error, Result};
use crate::secret::Secret;
use crate::tuning::WIDEST_WINDOW;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// While requests are on an HTTP/2 connection it is asked for a sign of life this long after the last one. Should none
/// come in [`CONNECT_TIMEOUT`], it is dead: sooner than a try ends by default, so that the next has a new connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of an answer's headers: over HTTP/2 as many as hyper takes over HTTP/1.1.
const MAX_HEADERS: u32 = 408 * 1024;
/// Over HTTP/1.1 no connection is thrown away between two requests, however wide the window.
const IDLE_CONNECTIONS: usize = WIDEST_WINDOW as usize;

const CERT_FILE: &str = "SSL_CERT_FILE";
const CERT_DIR: &str = "SSL_CERT_DIR";

/// What a client is made from. Equal settings share a client.
#[derive(Debug, PartialEq)]
struct Settings {
    /// The variable that names the proxy, and the proxy's URL, which may hold a password.
    proxy: Option<(&'static str, Secret)>,
    no_proxy: Option<String>,
    root_file: Option<Dated>,
    root_folders: Vec<Dated>,
}

/// A file or folder as it was at a time, so that a replaced one is read anew.
#[derive(Debug, PartialEq)]
struct Dated {
    path: PathBuf,
    modified: Option<SystemTime>,
}

/// Clients and what they were made from; the one that was asked for last is last.
static CLIENTS: Lazy<Mutex<Vec<(Settings, reqwest::Client)>>> = Lazy::new(Mutex::default);

/// More settings than this are not in use by turns; they have changed. A client that has to make room lives on in the
/// sessions that use it.
const MOST_CLIENTS: usize = 8;

/// The client for this environment, which it shares with every other that has the same proxy and trusted roots.
pub(crate) fn shared(env: &Environment) -> Result<reqwest::Client> {
    let settings = Settings::of(env);
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = match clients.iter().position(|(made_from, _)| *made_from == settings) {
        Some(at) => clients.remove(at),
        None => {
            let client = settings.client(CONNECT_TIMEOUT)?;
            (settings, client)
        }
    };
    let client = entry.1.clone();
    if clients.len() == MOST_CLIENTS {
        clients.remove(0);
    }
    clients.push(entry);
    Ok(client)
}

/// The variable that names the proxy by which a URL is reached, for messages: whoever does not answer may be the proxy.
pub(crate) fn proxy_variable(env: &Environment, url: &Url) -> Option<&'static str> {
    let Settings {
        proxy: Some((name, value)),
        no_proxy,
        ..
    } = Settings::of(env)
    else {
        return None;
    };
    let matcher = Matcher::builder()
        .https(value.expose())
        .no(no_proxy.unwrap_or_default())
        .build();
    let used = url.scheme() == "https" && matcher.intercept(&url.as_str().parse().ok()?).is_some();
    used.then_some(name)
}

/// A client of its own that is more, or less, patient.
#[cfg(test)]
pub(crate) fn with_connect_timeout(env: &Environment, timeout: Duration) -> Result<reqwest::Client> {
    Settings::of(env).client(timeout)
}

impl Settings {
    fn of(env: &Environment) -> Self {
        // http:// never goes through a proxy (see `client`), so HTTP_PROXY has no say.
        let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .into_iter()
            .find_map(|name| Some((name, Secret::new(env.get(name)?.trim().to_owned()))));
        Self {
            proxy,
            no_proxy: env.get("NO_PROXY").or_else(|| env.get("no_proxy")).map(str::to_owned),
            root_file: env.get(CERT_FILE).map(|path| Dated::now(path.into())),
            root_folders: env
                .get(CERT_DIR)
                .map(|paths| std::env::split_paths(paths).map(Dated::now).collect())
                .unwrap_or_default(),
        }
    }

    fn client(&self, connect_timeout: Duration) -> Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls()?)
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .connector_layer(GateLayer)
            .tcp_nodelay(true)
            .http2_max_header_list_size(MAX_HEADERS)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .http2_keep_alive_timeout(CONNECT_TIMEOUT)
            // Retrying is the engine's own subject; reqwest's would copy every request for it.
            .retry(reqwest::retry::never())
            // A redirect would carry the token to wherever the answer says.
            .redirect(redirect::Policy::none())
            .no_proxy();
        let builder = match self.proxy()? {
            Some(proxy) => builder.proxy(proxy),
            None => builder,
        };
        builder.build().map_err(|error| {
            let reason = reason(&error);
            Error::new(
                "InternalError",
                Category::NotSpecified,
                format!("No HTTP client could be made: {reason}."),
            )
            .into_fatal()
        })
    }

    /// Only https goes through a proxy, as a tunnel that the proxy cannot look into. Plain http goes to this machine
    /// or to its platform's identity endpoint, which no proxy can reach, and which hands out tokens in the open.
    fn proxy(&self) -> Result<Option<Proxy>> {
        let Some((name, value)) = &self.proxy else {
            return Ok(system_proxy());
        };
        let url = proxy_url(value.expose()).ok_or_else(|| {
            // The value is not shown: it may hold a password.
            unusable(format!(
                "{name} does not hold the URL of an http or https proxy, such as http://proxy.example.com:8080."
            ))
        })?;
        let proxy = Proxy::https(url)
            .map_err(|_| unusable(format!("{name} does not hold the URL of a proxy that can be used.")))?;
        Ok(Some(
            proxy.no_proxy(self.no_proxy.as_deref().and_then(NoProxy::from_string)),
        ))
    }

    fn tls(&self) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = self.roots()?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(format!("TLS cannot be set up: {error}.")))?;
        let replaces_system_store = cfg!(not(any(windows, target_vendor = "apple"))) && !roots.is_empty();
        let mut config = if replaces_system_store {
            // As OpenSSL, curl, Go and .NET do where the system's store is itself such a file.
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(roots);
            builder.with_root_certificates(store).with_no_client_auth()
        } else {
            let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(|error| {
                unusable(format!(
                    "The system's trusted certificates cannot be read: {error}. Install them (on Linux the package is called ca-certificates), or name a PEM file in {CERT_FILE}."
                ))
            })?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth()
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The certificates of `SSL_CERT_FILE` and `SSL_CERT_DIR`, each once.
    fn roots(&self) -> Result<Vec<CertificateDer<'static>>> {
        let mut roots = Vec::new();
        if let Some(Dated { path, .. }) = &self.root_file {
            let shown = path.display();
            let found = certificates_of(path)
                .map_err(|why| unusable(format!("{CERT_FILE} is '{shown}', which cannot be read: {why}.")))?;
            if found.is_empty() {
                return Err(unusable(format!(
                    "{CERT_FILE} is '{shown}', in which there is no PEM certificate."
                )));
            }
            roots.extend(found);
        }
        for Dated { path, .. } in &self.root_folders {
            let entries = std::fs::read_dir(path).map_err(|why| {
                unusable(format!(
                    "{CERT_DIR} is '{}', which cannot be read: {why}.",
                    path.display()
                ))
            })?;
            for file in entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|file| file.is_file())
            {
                // Such folders hold other files too (keys, revocation lists, hashes of names).
                roots.extend(certificates_of(&file).unwrap_or_default());
            }
        }
        roots.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        roots.dedup();
        Ok(roots)
    }
}

impl Dated {
    fn now(path: PathBuf) -> Self {
        let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        Self { path, modified }
    }
}

fn certificates_of(file: &Path) -> std::result::Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_file_iter(file)?.collect()
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

/// What Windows' and macOS' settings say. Elsewhere the variables are all there is.
fn system_proxy() -> Option<Proxy> {
    if !cfg!(any(windows, target_os = "macos")) {
        return None;
    }
    let matcher = Matcher::from_system();
    Some(Proxy::custom(move |url| {
        if url.scheme() != "https" {
            return None;
        }
        let proxy = matcher.intercept(&url.as_str().parse().ok()?)?;
        Some(proxy.uri().to_string())
    }))
}

fn unusable(message: String) -> Error {
    Error::invalid("InvalidOptions", message).into_fatal()
}

/// Why there was no answer, for a person, without the address (it may hold a query).
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let cause = innermost(error);
    if is_refused_certificate(error) {
        format!(
            "{cause} (to trust its issuer, name its certificate in {CERT_FILE} or install it in the system's store)"
        )
    } else {
        cause.to_string()
    }
}

/// Whether TLS did not accept the server's certificate, which no other try will change.
pub(crate) fn is_refused_certificate(error: &reqwest::Error) -> bool {
    matches!(
        innermost(error).downcast_ref(),
        Some(rustls::Error::InvalidCertificate(_))
    )
}

/// Whether the service said that it did not process the request (a stream that it refused, or one that it will not get
/// to before it ends the connection), or the request was never written: it can be sent again without harm.
#[allow(dead_code, reason = "the session's shell, which is being rewritten, asks")]
pub(crate) fn is_not_processed(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // RFC 9113, sections 6.8 and 8.7. Streams that the service may have processed get no error of this kind.
            return error.is_remote()
                && (error.is_go_away() || error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM));
        }
        if error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_canceled)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The outer errors only say that there was one; the innermost says which.
pub(crate) fn innermost(error: &reqwest::Error) -> &(dyn std::error::Error + 'static) {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    // What an I/O error carries is not its source.
    while let Some(next) = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(carried) => Some(carried as &(dyn std::error::Error + 'static)),
        None => cause.source(),
    } {
        cause = next;
    }
    cause
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Reads frames of HTTP/2 until one has that type.
    fn read_until(stream: &mut TcpStream, kind: u8) {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).expect("a frame");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            std::io::copy(&mut stream.take(length.into()), &mut std::io::sink()).expect("its content");
            if head[3] == kind {
                return;
            }
        }
    }

    /// What comes of a request whose server answers with a frame.
    fn error_after(frame: &'static [u8]) -> reqwest::Error {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.read_exact(&mut [0; 24]).expect("the preface");
            stream
                .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
                .expect("settings are sent");
            read_until(&mut stream, 1);
            stream.write_all(frame).expect("the frame is sent");
            // To the end, so that the client sees no reset.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let error = runtime.expect("a runtime").block_on(async {
            let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy();
            let client = client.tls_backend_preconfigured(
                ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .expect("the provider has them")
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth(),
            );
            let client = client.retry(reqwest::retry::never()).build().expect("a client");
            client.post(url).send().await.expect_err("it is no answer")
        });
        server.join().expect("the server ends");
        error
    }

    #[test]
    fn what_the_service_did_not_process_is_known() {
        let refused_stream = error_after(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7]);
        assert!(is_not_processed(&refused_stream), "{refused_stream:?}");
        let ends_before_it = error_after(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(is_not_processed(&ends_before_it), "{ends_before_it:?}");
        let failed = error_after(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert!(!is_not_processed(&failed), "{failed:?}");
    }
}
