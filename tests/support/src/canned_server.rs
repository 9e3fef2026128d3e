//! A server that says what it is told, where the emulator is too well-behaved, and that shows headers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::options::Options;
use crate::{random_token, subscription};

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method, path and version.
    pub line: String,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Received {
    /// The value of a header that comes once at most.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(found, _)| found == name)
            .map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(
            values.next().is_none(),
            "{name} comes more than once: {:?}",
            self.headers
        );
        value
    }
}

/// An HTTP/1.1 server on loopback. It writes an answer for each request and closes the connection.
pub struct CannedServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    thread: Option<JoinHandle<()>>,
}

impl CannedServer {
    /// Starts the server. `answer` gives the bytes that are written, head and all; it is told how many requests came
    /// before.
    ///
    /// # Panics
    ///
    /// It cannot listen.
    pub fn start(answer: impl Fn(usize, &Received) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&received);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                // No request: `drop` wants the thread to end.
                let Some(request) = read(&stream) else { return };
                let before = {
                    let mut record = record.lock().expect("nobody panics with the record");
                    record.push(request.clone());
                    record.len() - 1
                };
                // The client may be gone already; its own result tells.
                let _ = (&stream).write_all(answer(before, &request).as_bytes());
                let _ = stream.shutdown(Shutdown::Write);
            }
        });
        Self {
            address,
            received,
            thread: Some(thread),
        }
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Options that lead a session here.
    pub fn options(&self) -> Options {
        Options::new()
            .env("AZURE_RESOURCE_MANAGER_ENDPOINT", self.url())
            .env("AZURE_SUBSCRIPTION_ID", subscription(1))
            .env("AZURE_ACCESS_TOKEN", random_token())
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("nobody panics with the record").clone()
    }

    /// An answer with a status line, headers and a body.
    pub fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> String {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

impl Drop for CannedServer {
    fn drop(&mut self) {
        // A connection without a request ends the loop.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let line = lines.next()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| {
            line.split_once(':')
                .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().expect("a length is a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        line,
        headers,
        body: String::from_utf8(body).expect("a body of text"),
    })
}
