//! The handle of a running emulator.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, Limits, Outage, OutageKind};
use crate::connection::{Address, accept};
use crate::faults::Fault;
use crate::journal::{JournalEntry, Stats};
use crate::resources::KnownReferences;
use crate::state::Shared;
use crate::tls;

/// A running emulator. It has a thread of its own, so that a test which blocks does not hold it up; one thread, so
/// that the order of requests, and with it the faults of a seed, is what the client made it. Dropping it stops it.
#[must_use = "the emulator stops when this is dropped"]
pub struct Emulator {
    shared: Arc<Shared>,
    url: String,
    http_url: Option<String>,
    ca_pem: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Listening {
    address: SocketAddr,
    plain_address: Option<SocketAddr>,
}

impl Emulator {
    /// Starts an emulator. When this returns, it accepts connections.
    ///
    /// # Errors
    ///
    /// The configuration cannot be (kind `InvalidInput`), or the address cannot be listened on.
    pub fn start(config: Config) -> io::Result<Self> {
        config
            .check()
            .map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))?;
        let identity = if config.tls {
            Some(tls::make(config.listen.ip())?)
        } else {
            None
        };
        let acceptor = identity
            .as_ref()
            .map(|identity| TlsAcceptor::from(Arc::clone(&identity.config)));
        let (listen, plain) = (config.listen, config.plain_beside_tls);
        let shared = Arc::new(Shared::new(config));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::sync_channel(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("apim-emulator".into())
                .spawn(move || {
                    runtime.block_on(run(listen, plain, acceptor, shared, tell, stopped));
                    // Requests in progress end here, with their connections.
                    runtime.shutdown_background();
                })?
        };
        let listening = told
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the emulator's thread ended before it listened")))?;
        let scheme = if identity.is_some() { "https" } else { "http" };
        Ok(Self {
            shared,
            url: format!("{scheme}://{}", listening.address),
            http_url: match (listening.plain_address, &identity) {
                (Some(address), _) => Some(format!("http://{address}")),
                (None, None) => Some(format!("http://{}", listening.address)),
                (None, Some(_)) => None,
            },
            ca_pem: identity.map(|identity| identity.ca_pem),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The base URL of plain HTTP, if that is served.
    pub fn http_url(&self) -> Option<&str> {
        self.http_url.as_deref()
    }

    /// The certificate that a client must trust, if TLS is served.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// All requests so far, in order of arrival.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.record().entries.clone()
    }

    /// Empties the journal.
    pub fn clear_journal(&self) {
        self.shared.record().clear();
    }

    /// The counts as they are now.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Sets a fault. Of several that match a request, the one set first strikes.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.faults().add(fault);
    }

    /// Takes back all faults that were set and did not strike yet. Those of the rate stay.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Changes the limits. Buckets keep the tokens that they have.
    ///
    /// # Errors
    ///
    /// They cannot be (kind `InvalidInput`); then they stay as they were.
    pub fn set_limits(&self, limits: Limits) -> io::Result<()> {
        self.shared
            .set_limits(limits)
            .map_err(|problem| io::Error::new(io::ErrorKind::InvalidInput, problem))
    }

    /// Says what the services have that backends may refer to; whatever else is named is not there.
    pub fn set_known_references(&self, known: KnownReferences) {
        self.shared.world().known = Arc::new(known);
    }

    /// Plans an outage, counted in requests from now.
    pub fn plan_outage(&self, outage: Outage) {
        self.shared.outages.plan(outage);
    }

    /// Starts an outage at once; requests being worked on get no answer.
    pub fn begin_outage(&self, kind: OutageKind, length: Duration) {
        self.shared.outages.begin(kind, length);
    }

    /// Ends the outage that is under way, if there is one.
    pub fn end_outage(&self) {
        self.shared.outages.end();
    }

    /// Issues a token as the token endpoints do, with a lifetime of its own.
    pub fn issue_token(&self, lifetime: Duration) -> String {
        self.shared
            .tokens()
            .issue(&self.url, &self.url, "emulator", lifetime)
            .text
    }

    /// Ends every token issued so far.
    pub fn expire_tokens(&self) {
        self.shared.tokens().expire_all();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already reported on standard error.
            let _ = thread.join();
        }
    }
}

/// Listens, says so, and serves until `stopped`.
async fn run(
    listen: SocketAddr,
    plain: bool,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    tell: mpsc::SyncSender<io::Result<Listening>>,
    stopped: oneshot::Receiver<()>,
) {
    let bound = async {
        let listener = Address::bind(listen)?;
        let beside = if plain {
            Some(Address::bind(SocketAddr::new(listen.ip(), 0))?)
        } else {
            None
        };
        let listening = Listening {
            address: listener.0.address,
            plain_address: beside.as_ref().map(|(address, _)| address.address),
        };
        Ok((listener, beside, listening))
    };
    let (listener, beside, listening) = match bound.await {
        Ok(bound) => bound,
        Err(error) => {
            // The receiver waits for exactly this message.
            let _ = tell.send(Err(error));
            return;
        }
    };
    tokio::spawn(accept(listener.0, listener.1, acceptor, Arc::clone(&shared)));
    if let Some((address, listener)) = beside {
        tokio::spawn(accept(address, listener, None, shared));
    }
    let _ = tell.send(Ok(listening));
    let _ = stopped.await;
}
