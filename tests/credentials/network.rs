//! What credentials travel over: TLS with a certificate that is trusted, through the proxy that the environment names.

use std::io::{BufRead, BufReader, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use test_support::{CannedServer, Kind, Session, TestEmulator, item, run};

use crate::stage::{HOUR, Stage, message, refused, reset};

/// A proxy that opens tunnels, and writes down what it was asked for.
struct Proxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&heads);
        // Ends with the process: it waits for connections, and holds nothing.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let record = Arc::clone(&record);
                thread::spawn(move || tunnel(client, &record));
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("nobody panics with the record").clone()
    }
}

fn tunnel(client: TcpStream, record: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().expect("a socket can be cloned"));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    record.lock().expect("nobody panics with the record").push(head);
    let Ok(server) = TcpStream::connect(target) else { return };
    let mut client = client;
    let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
    let (mut from_server, mut to_client) = (server.try_clone().expect("as above"), client);
    let back = thread::spawn(move || {
        let _ = copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut to_server = server;
    let _ = copy(&mut reader, &mut to_server);
    let _ = to_server.shutdown(Shutdown::Both);
    let _ = back.join();
}

#[test]
fn https_goes_through_the_proxy_of_the_environment() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let stage = Stage::new();
        let proxy = Proxy::start();
        let user = format!("http://user:p%40ss@{}", proxy.address);
        let run = reset(&stage.with_client_secret().env(name, &user));
        let heads = proxy.heads();
        assert!(!heads.is_empty(), "{name}: the proxy was not asked");
        let address = stage
            .url()
            .strip_prefix("https://")
            .expect("TLS")
            .trim_end_matches('/')
            .to_owned();
        for head in heads {
            assert!(head.starts_with(&format!("CONNECT {address} ")), "{head}");
            // user:p@ss
            assert!(
                head.to_lowercase().contains("proxy-authorization: basic dxnlcjpwqhnz"),
                "{head}"
            );
            assert!(!head.to_lowercase().contains("bearer"), "{head}");
        }
        assert!(run.events.iter().all(|event| !event.text.contains("p%40ss")));
    }
}

#[test]
fn no_proxy_names_what_is_reached_directly() {
    let stage = Stage::new();
    let proxy = Proxy::start();
    let options = stage
        .with_client_secret()
        .env("HTTPS_PROXY", format!("http://{}", proxy.address));
    reset(&options.env("NO_PROXY", "example.com,127.0.0.0/8"));
    assert_eq!(proxy.heads(), [""; 0]);
}

#[test]
fn plain_http_never_goes_through_a_proxy() {
    let emulator = TestEmulator::with_backends(1);
    let proxy = Proxy::start();
    let url = format!("http://{}", proxy.address);
    run(
        &emulator.options().env("HTTP_PROXY", &url).env("ALL_PROXY", &url),
        [item(1)],
    )
    .assert_all_succeeded();
    assert_eq!(proxy.heads(), [""; 0]);
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
    let stage = Stage::new();
    for value in ["socks5://user:hunter2@127.0.0.1:1", "http://user:hunter2@:x"] {
        let options = stage.with_client_secret().env("HTTPS_PROXY", value);
        let (_, error) = Session::try_start(&options).err().expect("the session does not start");
        assert_eq!(error["code"], "InvalidOptions");
        assert!(
            message(&error).contains("HTTPS_PROXY") && !message(&error).contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused_with_the_way_out() {
    let stage = Stage::new();
    // The token endpoint.
    let error = refused(&stage.with_client_secret().without_env("SSL_CERT_FILE"));
    assert_eq!(error["code"], "AuthenticationFailed");
    assert!(
        message(&error).contains("certificate") && message(&error).contains("SSL_CERT_FILE"),
        "{error}"
    );
    // The service itself.
    let token = stage.issue_token(HOUR);
    let session = run(
        &stage
            .options()
            .without_env("SSL_CERT_FILE")
            .env("AZURE_ACCESS_TOKEN", &token),
        [item(1)],
    );
    let event = session
        .events
        .iter()
        .find(|event| event.json["error"].is_object())
        .expect("an error");
    assert_eq!(event.code(), "CertificateRejected", "{}", event.text);
    assert!(!event.text.contains(&token));
    assert_eq!(stage.sent().len(), 0);
}

#[test]
fn a_certificate_folder_is_read_too() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("ca.crt"), stage.ca_pem().expect("a CA")).expect("the certificate is written");
    std::fs::write(folder.path().join("notes.txt"), "not a certificate").expect("a file is written");
    let options = stage.with_client_secret().without_env("SSL_CERT_FILE");
    reset(&options.env("SSL_CERT_DIR", folder.path().display()));
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_named() {
    let stage = Stage::new();
    let empty = tempfile::NamedTempFile::new().expect("a temporary file");
    let empty = empty.path().display().to_string();
    for path in ["no-such-file.pem", empty.as_str()] {
        let options = stage.with_client_secret().env("SSL_CERT_FILE", path);
        let (_, error) = Session::try_start(&options).err().expect("the session does not start");
        assert_eq!(error["code"], "InvalidOptions");
        assert!(
            message(&error).contains("SSL_CERT_FILE") && message(&error).contains(path),
            "{error}"
        );
    }
}

#[test]
fn a_redirect_is_not_followed_with_a_token() {
    let elsewhere = CannedServer::start(|_, _| CannedServer::answer("202 Accepted", &[], ""));
    let target = elsewhere.url();
    let server =
        CannedServer::start(move |_, _| CannedServer::answer("307 Temporary Redirect", &[("Location", &target)], ""));
    let session = run(&server.options(), [item(1)]);
    assert_eq!(session.result().outcome(), "failed");
    assert_eq!(elsewhere.received().len(), 0);
}

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    let stage = Stage::new();
    let options = stage
        .with_client_secret()
        .env("AZURE_RESOURCE_MANAGER_ENDPOINT", "http://arm.example.com");
    let (_, error) = Session::try_start(&options).err().expect("the session does not start");
    assert_eq!(error["code"], "InsecureEndpoint");
    assert_eq!(error["category"], "SecurityError");
    let options = stage
        .with_client_secret()
        .env("AZURE_AUTHORITY_HOST", "http://login.example.com");
    let (_, error) = Session::try_start(&options).err().expect("the session does not start");
    assert_eq!(error["code"], "InsecureEndpoint");
}

#[test]
fn secrets_show_in_no_event_even_when_everything_is_logged() {
    let stage = Stage::new();
    let token = stage.issue_token(HOUR);
    let options = stage.options().env("AZURE_ACCESS_TOKEN", &token).trace("debug");
    let session = run(&options, [item(1), item("does-not-exist")]);
    assert!(session.of(Kind::Log).len() >= 4, "{:?}", session.events);
    for event in &session.events {
        assert!(!event.text.contains(&token), "{}", event.text);
    }
}

#[test]
fn a_certificate_file_that_was_mended_is_read_by_the_next_session() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("ca.pem");
    let authority = stage.ca_pem().expect("a CA");
    let options = stage.with_client_secret().env("SSL_CERT_FILE", file.display());
    let elsewhere = Stage::new();
    let other = elsewhere.ca_pem().expect("a CA");
    for _ in 0..3 {
        std::fs::write(&file, other).expect("the file is written");
        // By the token endpoint, or the service once there is a token.
        let session = run(&options, [item(1)]);
        let fatal = session.of(Kind::Fatal);
        assert!(fatal[0].message().contains("certificate"), "{:?}", session.events);
        std::fs::write(&file, authority).expect("the file is written");
        reset(&options);
    }
}

#[cfg(unix)]
#[test]
fn a_certificate_file_that_never_comes_holds_up_no_other_session() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fifo = folder.path().join("ca.pem");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .expect("mkfifo runs");
    assert!(made.success());
    let options = stage.with_client_secret().env("SSL_CERT_FILE", fifo.display());
    let (began, has_begun) = std::sync::mpsc::channel();
    let waiting = thread::spawn(move || {
        began.send(()).expect("the test waits");
        Session::try_start(&options).err().expect("the session does not start")
    });
    has_begun.recv().expect("the thread has begun");
    let start = std::time::Instant::now();
    reset(&stage.with_client_secret());
    assert!(
        start.elapsed() < std::time::Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    let (_, error) = waiting.join().expect("the thread ends");
    assert!(message(&error).contains("SSL_CERT_FILE"), "{error}");
}

/// What another process, whose own variables lead there, finds.
const ELSEWHERE: &str = "APIM_TEST_URL";

#[test]
fn the_processes_certificate_file_has_no_say() {
    let Ok(url) = std::env::var(ELSEWHERE) else {
        let stage = Stage::new();
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(stage.ca_pem().expect("a CA").as_bytes())
            .expect("the file is written");
        let output = test_support::output_of(
            std::process::Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "network::the_processes_certificate_file_has_no_say"])
                .env(ELSEWHERE, stage.url())
                .env("SSL_CERT_FILE", file.path()),
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(stage.stats().connections, 1, "it was tried");
        return;
    };
    let options = test_support::Options::new()
        .env("AZURE_RESOURCE_MANAGER_ENDPOINT", url)
        .env("AZURE_SUBSCRIPTION_ID", test_support::subscription(1))
        .env("AZURE_ACCESS_TOKEN", "token");
    let session = run(&options, [item(1)]);
    let error = session.events.iter().find(|event| event.json["error"].is_object());
    assert_eq!(
        error.expect("an error").code(),
        "CertificateRejected",
        "{:?}",
        session.events
    );
}
