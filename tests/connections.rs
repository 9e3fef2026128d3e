//! Connections are few and kept. A test of its own process: the HTTP clients of that are what is looked at.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apim_emulator::Config;
use rustls::pki_types::PrivatePkcs8KeyDer;
use test_support::{Options, Session, TestEmulator, item, random_token, run, subscription};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

fn emulator(tls: bool) -> TestEmulator {
    TestEmulator::start(Config {
        backends: 500,
        tls,
        latency: Duration::from_millis(5),
        ..Config::default()
    })
}

/// One test, since how many settings are in use at once counts for the whole process.
#[test]
fn connections_are_few_and_kept_for_each_settings_that_are_in_use() {
    connections_are_few_and_serve_one_session_after_the_other();
    sessions_with_other_settings_take_no_connections_from_each_other();
    settings_that_are_not_used_any_more_keep_no_connection_for_ever();
    when_a_connection_ends_one_new_one_is_made();
    http1_requests_have_a_connection_each();
    an_answer_may_have_as_many_headers_as_over_http1();
}

fn connections_are_few_and_serve_one_session_after_the_other() {
    let secure = emulator(true);
    for _ in 0..3 {
        run(&secure.options(), (1..=500).map(item)).assert_all_succeeded();
    }
    assert_eq!(secure.stats().connections, 1, "HTTP/2 over TLS needs one");

    let plain = emulator(false);
    for _ in 0..3 {
        run(&plain.options().window(16), (1..=500).map(item)).assert_all_succeeded();
    }
    let connections = plain.stats().connections;
    // While one is being made another may become free: then both are there.
    assert!(
        (16..=64).contains(&connections),
        "HTTP/1.1 made {connections} connections for 1500 requests"
    );

    let wide = emulator(false);
    for _ in 0..2 {
        run(&wide.options().window(300), (1..=500).map(item)).assert_all_succeeded();
    }
    let stats = wide.stats();
    assert_eq!(stats.open_connections, stats.connections, "none is thrown away");
}

/// Each emulator has a certificate authority of its own.
fn sessions_with_other_settings_take_no_connections_from_each_other() {
    let emulators = [emulator(true), emulator(true), emulator(true)];
    for _ in 0..3 {
        for emulator in &emulators {
            run(&emulator.options(), (1..=10).map(item)).assert_all_succeeded();
        }
    }
    for emulator in &emulators {
        assert_eq!(emulator.stats().connections, 1);
    }
}

fn settings_that_are_not_used_any_more_keep_no_connection_for_ever() {
    let first = emulator(true);
    run(&first.options(), [item(1)]).assert_all_succeeded();
    assert_eq!(first.stats().open_connections, 1);
    let others: Vec<_> = (0..20).map(|_| emulator(true)).collect();
    for other in &others {
        run(&other.options(), [item(1)]).assert_all_succeeded();
    }
    let idle = Session::start(&first.options());
    idle.events_until(|| first.stats().open_connections == 0);
}

/// An HTTP/2 server that accepts every reset, and ends each connection (GOAWAY) after a number of requests.
struct Http2Server {
    address: SocketAddr,
    certificate: tempfile::NamedTempFile,
    connections: Arc<AtomicUsize>,
}

/// What each answer of a server is like.
#[derive(Clone, Copy)]
struct Answers {
    latency: Duration,
    /// After that many, the connection ends.
    per_connection: usize,
    /// Bytes of a header.
    header: usize,
}

impl Http2Server {
    fn start(answers: Answers) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(certificate.pem().as_bytes())
            .expect("the certificate is written");
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key belongs to the certificate");
        tls.alpn_protocols = vec![b"h2".to_vec()];

        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        // Ends with the process: it waits for connections, and holds nothing.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a runtime's socket");
                let tls = TlsAcceptor::from(Arc::new(tls));
                while let Ok((stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(serve(stream, tls.clone(), answers));
                }
            });
        });
        Self {
            address,
            certificate: file,
            connections,
        }
    }

    fn options(&self) -> Options {
        Options::new()
            .env("AZURE_RESOURCE_MANAGER_ENDPOINT", format!("https://{}", self.address))
            .env("AZURE_SUBSCRIPTION_ID", subscription(1))
            .env("AZURE_ACCESS_TOKEN", random_token())
            .env("SSL_CERT_FILE", self.certificate.path().display())
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, answers: Answers) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    let mut count = 0;
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        count += 1;
        if count == answers.per_connection {
            connection.graceful_shutdown();
        }
        tokio::spawn(async move {
            tokio::time::sleep(answers.latency).await;
            let answer = http::Response::builder()
                .status(202)
                .header("x-ms-ratelimit-remaining-subscription-writes", 1000)
                .header("x-padding", "x".repeat(answers.header));
            // The client may be gone; its own result tells.
            let _ = respond.send_response(answer.body(()).expect("an answer"), true);
        });
    }
}

fn when_a_connection_ends_one_new_one_is_made() {
    const EACH: usize = 100;
    let server = Http2Server::start(Answers {
        latency: Duration::from_millis(20),
        per_connection: EACH,
        header: 0,
    });
    run(&server.options(), (0..1000).map(item)).assert_all_succeeded();
    let connections = server.connections.load(Ordering::Relaxed);
    assert!(
        (2..=1000 / EACH + 1).contains(&connections),
        "{connections} connections for 1000 requests, {EACH} on each"
    );
}

fn http1_requests_have_a_connection_each() {
    let plain = TestEmulator::start(Config {
        backends: 500,
        latency: Duration::from_millis(100),
        ..Config::default()
    });
    let start = std::time::Instant::now();
    run(&plain.options().window(64), (1..=500).map(item)).assert_all_succeeded();
    // The first goes alone, and the pace doubles from there. One after the other they would take 50 s.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!((64..=128).contains(&plain.stats().connections), "{:?}", plain.stats());
}

fn an_answer_may_have_as_many_headers_as_over_http1() {
    let server = Http2Server::start(Answers {
        latency: Duration::ZERO,
        per_connection: usize::MAX,
        header: 100 * 1024,
    });
    run(&server.options(), (0..3).map(item)).assert_all_succeeded();
}
