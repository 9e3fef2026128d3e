//! What the system's verifier says of certificates, without waiting for it in a handshake.
//!
//! On Windows and macOS the system may ask the network whether a certificate was revoked, for seconds, and rustls asks a
//! verifier in the middle of a handshake, on the engine's one thread. So the handshake goes on as if the certificate were
//! good, and a thread asks the system meanwhile. The gate, which has started the handshake, hands the connection on when
//! the verdict is there and good: until then nothing is sent on it, and a bad one closes it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tokio::sync::oneshot;

use crate::os::thread;

/// A good verdict is not asked for again for so long.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// Verdicts that are kept. A session meets two or three certificates.
const MAX_KEPT: usize = 64;

thread_local! {
    /// Where the handshake that runs on this thread leaves the verdicts that it did not wait for. `None`: nobody will
    /// look there.
    static OPEN: RefCell<Option<Vec<Verdict>>> = const { RefCell::new(None) };
}

/// What the system will say.
pub(super) type Verdict = oneshot::Receiver<Result<(), Error>>;

/// Runs a piece of a handshake, and gives the verdicts that it left open.
pub(super) fn watch<T>(handshake: impl FnOnce() -> T) -> (T, Vec<Verdict>) {
    /// Also when the handshake panics.
    struct Close;
    impl Drop for Close {
        fn drop(&mut self) {
            OPEN.set(None);
        }
    }
    let _close = Close;
    OPEN.set(Some(Vec::new()));
    let outcome = handshake();
    (outcome, OPEN.take().unwrap_or_default())
}

/// A verifier that lets [`watch`] wait for what a slow one says.
///
/// A handshake that resumes an earlier one asks for no verdict, and the earlier one may have got a bad one since: with
/// this verifier, resumption must be off.
#[derive(Debug)]
pub(super) struct Verdicts {
    system: Arc<dyn ServerCertVerifier>,
    good: Arc<Mutex<HashMap<Vec<u8>, Instant>>>,
}

impl Verdicts {
    pub fn of(system: Arc<dyn ServerCertVerifier>) -> Self {
        Self {
            system,
            good: Arc::default(),
        }
    }

    fn ask(
        &self,
        chain: Vec<CertificateDer<'static>>,
        name: ServerName<'static>,
        ocsp: Vec<u8>,
        now: UnixTime,
        key: Vec<u8>,
    ) -> Result<Verdict, Error> {
        let (sender, verdict) = oneshot::channel();
        let (system, good) = (Arc::clone(&self.system), Arc::clone(&self.good));
        let thread = thread::spawn("apim-trust", move || {
            let said = match chain.split_first() {
                Some((own, others)) => system.verify_server_cert(own, others, &name, &ocsp, now).map(drop),
                None => Err(Error::NoCertificatesPresented),
            };
            if said.is_ok() {
                let mut good = lock(&good);
                let now = Instant::now();
                good.retain(|_, since| now.duration_since(*since) < KEPT);
                if good.len() < MAX_KEPT {
                    good.insert(key, now);
                }
            }
            // Nobody waits any more when the attempt at connecting was dropped.
            let _ = sender.send(said);
        });
        match thread {
            Ok(_) => Ok(verdict),
            Err(error) => Err(Error::General(format!("no thread could be started: {error}"))),
        }
    }
}

impl ServerCertVerifier for Verdicts {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut key = digest::Context::new(&digest::SHA256);
        let name = server_name.to_str();
        let certificates = std::iter::once(end_entity).chain(intermediates);
        for part in std::iter::once(name.as_bytes()).chain(certificates.clone().map(AsRef::as_ref)) {
            key.update(&part.len().to_le_bytes());
            key.update(part);
        }
        let key = key.finish().as_ref().to_vec();
        if lock(&self.good).get(&key).is_some_and(|since| since.elapsed() < KEPT) {
            return Ok(ServerCertVerified::assertion());
        }
        if OPEN.with_borrow(Option::is_none) {
            return self
                .system
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        }
        let chain = certificates.map(|one| one.clone().into_owned()).collect();
        let verdict = self.ask(chain, server_name.to_owned(), ocsp_response.to_vec(), now, key)?;
        OPEN.with_borrow_mut(|open| open.get_or_insert_default().push(verdict));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.system.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.system.supported_verify_schemes()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use apim_emulator::{Config, Emulator};
    use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature};
    use rustls::{CertificateError, ClientConfig};

    use super::super::gate::GateLayer;
    use super::super::is_refused_certificate;
    use super::*;

    /// A system that takes its time.
    #[derive(Debug)]
    struct Slow {
        is_good: bool,
        asked: AtomicUsize,
    }

    const SLOWNESS: Duration = Duration::from_millis(300);

    impl ServerCertVerifier for Slow {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(SLOWNESS);
            if self.is_good {
                Ok(ServerCertVerified::assertion())
            } else {
                Err(Error::InvalidCertificate(CertificateError::Revoked))
            }
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = ring::default_provider().signature_verification_algorithms;
            verify_tls12_signature(message, cert, dss, &algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = ring::default_provider().signature_verification_algorithms;
            verify_tls13_signature(message, cert, dss, &algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            ring::default_provider()
                .signature_verification_algorithms
                .supported_schemes()
        }
    }

    fn emulator() -> Emulator {
        Emulator::start(Config {
            tls: true,
            ..Config::default()
        })
        .expect("the emulator starts")
    }

    fn client(verifier: Arc<Verdicts>) -> reqwest::Client {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .connector_layer(GateLayer)
            .no_proxy()
            .build()
            .expect("a client")
    }

    fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work)
    }

    #[test]
    fn a_slow_system_holds_up_the_connection_and_nothing_else_and_is_asked_once() {
        let emulator = emulator();
        let slow = Arc::new(Slow {
            is_good: true,
            asked: AtomicUsize::new(0),
        });
        let verifier = Arc::new(Verdicts::of(slow.clone()));
        on_one_thread(async {
            let start = Instant::now();
            let mut longest = Duration::ZERO;
            let others = async {
                loop {
                    let before = Instant::now();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    longest = longest.max(before.elapsed());
                }
            };
            tokio::select! {
                answer = client(verifier.clone()).get(emulator.url()).send() => drop(answer.expect("an answer")),
                () = others => {}
            }
            assert!(start.elapsed() >= SLOWNESS);
            assert!(longest < SLOWNESS / 2, "the thread was held for {longest:?}");
            let answer = client(verifier).get(emulator.url()).send().await;
            answer.expect("another connection, and an answer");
        });
        assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_bad_verdict_closes_the_connection_before_anything_is_sent() {
        let emulator = emulator();
        let verifier = Verdicts::of(Arc::new(Slow {
            is_good: false,
            asked: AtomicUsize::new(0),
        }));
        let error = on_one_thread(client(Arc::new(verifier)).get(emulator.url()).send()).expect_err("it is refused");
        assert!(is_refused_certificate(&error) && error.is_connect(), "{error:?}");
        assert_eq!(emulator.journal().len(), 0);
        assert_eq!(emulator.stats().connections, 1);
    }
}
