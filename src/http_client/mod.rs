//! The process's HTTP clients: connections to Azure Resource Manager and to token endpoints are pooled in them across
//! sessions. They are made from the sessions' environments (proxy, trusted roots), never from the process's own, and as
//! a rule there is one.

mod gate;
mod proxy;
mod system_proxy;
mod trust;
#[cfg_attr(
    not(any(windows, target_vendor = "apple", test)),
    allow(
        dead_code,
        reason = "only the systems that have a verifier need it; tests run everywhere"
    )
)]
mod verdicts;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use once_cell::sync::Lazy;
use reqwest::redirect;
use rustls::ClientConfig;
use rustls::client::Resumption;
use url::Url;
use zeroize::Zeroizing;

use gate::GateLayer;
use proxy::ProxySettings;
use trust::{CERT_FILE, Trust, unusable};

use crate::environment::Environment;
use crate::error::{Category, Error, Result};
use crate::tuning::WIDEST_WINDOW;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// While requests are on an HTTP/2 connection it is asked for a sign of life this long after the last one. Should none
/// come in [`CONNECT_TIMEOUT`], it is dead: sooner than a try ends by default, so that the next has a new connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of an answer's headers: over HTTP/2 as many as hyper takes over HTTP/1.1.
const MAX_HEADERS: u32 = 408 * 1024;
/// Over HTTP/1.1 no connection is thrown away between two requests, however wide the window.
const IDLE_CONNECTIONS: usize = WIDEST_WINDOW as usize;

/// What a client is made from. Equal settings share a client.
#[derive(Debug, PartialEq)]
struct Settings {
    proxy: ProxySettings,
    trust: Trust,
}

/// Clients and what they were made from; the one that was asked for last is last.
static CLIENTS: Lazy<Mutex<Vec<(Settings, reqwest::Client)>>> = Lazy::new(Mutex::default);

/// More settings than this are not in use by turns; they have changed. A client that has to make room lives on in the
/// sessions that use it.
const MAX_CLIENTS: usize = 8;

/// The client for this environment, which it shares with every other that has the same proxy and trusted roots. Reads
/// files where one of them is new; only the calling thread waits for them.
pub(crate) fn shared(env: &Environment) -> Result<reqwest::Client> {
    let settings = Settings::of(env);
    if let Some(client) = kept(&mut clients(), &settings) {
        return Ok(client);
    }
    let client = settings.client(CONNECT_TIMEOUT)?;
    let mut clients = clients();
    // Another session may have made it meanwhile.
    if let Some(client) = kept(&mut clients, &settings) {
        return Ok(client);
    }
    if clients.len() == MAX_CLIENTS {
        clients.remove(0);
    }
    clients.push((settings, client.clone()));
    Ok(client)
}

fn clients() -> MutexGuard<'static, Vec<(Settings, reqwest::Client)>> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client that was made from these settings, which now is the one that was asked for last.
fn kept(clients: &mut Vec<(Settings, reqwest::Client)>, settings: &Settings) -> Option<reqwest::Client> {
    let at = clients.iter().position(|(made_from, _)| made_from == settings)?;
    let entry = clients.remove(at);
    let client = entry.1.clone();
    clients.push(entry);
    Some(client)
}

/// How the proxy was named by which a URL is reached, for messages: what does not answer may be the proxy.
pub(crate) fn proxy_variable(env: &Environment, url: &Url) -> Option<&'static str> {
    ProxySettings::of(env).source_for(url)
}

/// A client of its own that is more, or less, patient.
#[cfg(test)]
pub(crate) fn with_connect_timeout(env: &Environment, timeout: Duration) -> Result<reqwest::Client> {
    Settings::of(env).client(timeout)
}

impl Settings {
    fn of(env: &Environment) -> Self {
        Self {
            proxy: ProxySettings::of(env),
            trust: Trust::of(env),
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
        let builder = match self.proxy.to_proxy()? {
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

    fn tls(&self) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // A proxy over TLS is sent a password in the connection's first moments, before the gate sees the connection.
        let verifier = self.trust.verifier(&provider, self.proxy.is_tls())?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(format!("TLS cannot be set up: {error}.")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        if trust::SYSTEM_HAS_A_VERIFIER {
            // As `verdicts` wants it. Connections are few and long there, too.
            config.resumption = Resumption::disabled();
        }
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Reads an answer's body of at most `limit` bytes. The reason why there is none is for a person.
pub(crate) async fn read_body(
    mut answer: reqwest::Response,
    limit: usize,
) -> std::result::Result<Zeroizing<Vec<u8>>, String> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(format!("its answer is larger than {limit} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
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

    use rustls::RootCertStore;

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
