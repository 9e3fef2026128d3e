//! The emulator as a program: its options, its address files, and when it ends.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use apim_emulator::{BucketSize, Config, Emulator, FaultKind, HiddenLimit, Outage, OutageKind};
use clap::Parser;
use tokio::sync::oneshot;

/// A loopback Azure Resource Manager for the backends of Azure API Management.
///
/// It prints its base URL once it listens, and serves until Ctrl+C or SIGTERM.
#[derive(Parser)]
#[command(name = "apim-emulator", version)]
struct Options {
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Write the base URL to this file once the emulator listens
    #[arg(long, value_name = "FILE")]
    address_file: Option<PathBuf>,
    /// Serve TLS, with a certificate of a CA made for this run
    #[arg(long, requires = "ca_out")]
    tls: bool,
    /// Write the CA's certificate (PEM) to this file, before the address file
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca_out: Option<PathBuf>,
    /// End when standard input is closed, so that the emulator never outlives the program that started it
    #[arg(long)]
    stdin_eof_exits: bool,
    /// Backends, named 1 to N, that each subscription's service "contoso" starts with
    #[arg(long, value_name = "N", default_value_t = 0)]
    backends: u32,
    /// Subscriptions: 00000000-0000-0000-0000-000000000001 and on
    #[arg(long, value_name = "N", default_value_t = 1)]
    subscriptions: u32,
    /// Most entries on one page of a list
    #[arg(long, value_name = "N", default_value_t = 100)]
    page_size: usize,
    /// Milliseconds that every answer takes
    #[arg(long, value_name = "N", default_value_t = 0)]
    latency_ms: u64,
    /// Tokens in each subscription's bucket for writes [default with --write-refill: 200]
    #[arg(long, value_name = "N")]
    write_bucket: Option<u32>,
    /// Write tokens that come back each second [default with --write-bucket: 10]
    #[arg(long, value_name = "N")]
    write_refill: Option<f64>,
    /// Tokens in each subscription's bucket for reads [default with --read-refill: 250]
    #[arg(long, value_name = "N")]
    read_bucket: Option<u32>,
    /// Read tokens that come back each second [default with --read-bucket: 25]
    #[arg(long, value_name = "N")]
    read_refill: Option<f64>,
    /// Tokens in each subscription's bucket for writes over all principals [default with its refill: 3000]
    #[arg(long, value_name = "N")]
    global_write_bucket: Option<u32>,
    /// Write tokens over all principals that come back each second [default with its bucket: 150]
    #[arg(long, value_name = "N")]
    global_write_refill: Option<f64>,
    /// Tokens in each subscription's bucket for reads over all principals [default with its refill: 3750]
    #[arg(long, value_name = "N")]
    global_read_bucket: Option<u32>,
    /// Read tokens over all principals that come back each second [default with its bucket: 375]
    #[arg(long, value_name = "N")]
    global_read_refill: Option<f64>,
    /// Requests a second that the resource provider takes, which no header shows
    #[arg(long, value_name = "PER_SECOND")]
    hidden_limit: Option<f64>,
    /// Retry-After of the hidden limit's refusals
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "hidden_limit")]
    hidden_retry_after: u64,
    /// Retry-After of every bucket's refusals [default: until the next token]
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,
    /// End each connection after this many requests
    #[arg(long, value_name = "N")]
    requests_per_connection: Option<u32>,
    /// Start an outage with this request, counted from 1
    #[arg(long, value_name = "N", requires = "outage_ms", value_parser = clap::value_parser!(u64).range(1..))]
    outage_at: Option<u64>,
    /// Milliseconds that the outage lasts
    #[arg(long, value_name = "N", requires = "outage_at")]
    outage_ms: Option<u64>,
    /// What becomes of connections in the outage: reset or refuse
    #[arg(long, value_name = "KIND", requires = "outage_at", default_value = "reset")]
    outage_kind: OutageKind,
    /// Share of requests that meet a fault, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    fault_rate: f64,
    /// What the faults are: statuses of 400 to 599, reset, stall, lost, slow
    #[arg(long, value_name = "KIND,...", value_delimiter = ',')]
    fault_kinds: Vec<FaultKind>,
    /// Seed of the faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Keep no journal, to need less memory in long benchmarks
    #[arg(long)]
    no_journal: bool,
}

impl Options {
    fn config(&self) -> Config {
        Config {
            listen: self.listen,
            tls: self.tls,
            backends: self.backends,
            subscriptions: self.subscriptions,
            page_size: self.page_size,
            latency: Duration::from_millis(self.latency_ms),
            write_bucket: bucket(self.write_bucket, self.write_refill, BucketSize::WRITES),
            read_bucket: bucket(self.read_bucket, self.read_refill, BucketSize::READS),
            global_write_bucket: bucket(
                self.global_write_bucket,
                self.global_write_refill,
                BucketSize::GLOBAL_WRITES,
            ),
            global_read_bucket: bucket(
                self.global_read_bucket,
                self.global_read_refill,
                BucketSize::GLOBAL_READS,
            ),
            hidden_limit: self.hidden_limit.map(|per_second| HiddenLimit {
                per_second,
                retry_after: self.hidden_retry_after,
            }),
            retry_after: self.retry_after,
            requests_per_connection: self.requests_per_connection,
            outage: self.outage_at.map(|at| Outage {
                after_requests: at - 1,
                length: Duration::from_millis(self.outage_ms.unwrap_or_default()),
                kind: self.outage_kind,
            }),
            fault_rate: self.fault_rate,
            fault_kinds: self.fault_kinds.clone(),
            seed: self.seed,
            journal: !self.no_journal,
            ..Config::default()
        }
    }
}

/// Either number turns the bucket on; the other is then Azure's.
fn bucket(capacity: Option<u32>, refill: Option<f64>, usual: BucketSize) -> Option<BucketSize> {
    (capacity.is_some() || refill.is_some()).then(|| BucketSize {
        capacity: capacity.unwrap_or(usual.capacity),
        refill_per_second: refill.unwrap_or(usual.refill_per_second),
    })
}

fn main() -> ExitCode {
    let options = Options::parse();
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("apim-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anyone can know the emulator is there, so that a signal never finds the default handler.
        let signal = signal()?;
        let emulator = Emulator::start(options.config())?;
        if let (Some(file), Some(pem)) = (&options.ca_out, emulator.ca_pem()) {
            write(file, pem)?;
        }
        if let Some(file) = &options.address_file {
            write(file, &format!("{}\n", emulator.url()))?;
        }
        println!("{}", emulator.url());
        tokio::select! {
            () = signal => {}
            () = stdin_closed(), if options.stdin_eof_exits => {}
        }
        Ok(())
    })
}

/// Writes a file so that a reader sees either nothing or all of it: others wait for it to appear and read it at once.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, file))
        .map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", file.display())))
}

/// Resolves when standard input ends. A thread of its own reads it, since there is no way to wait for input that
/// works on every platform; the thread ends with the process.
async fn stdin_closed() {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut buffer = [0; 256];
        while !matches!(input.read(&mut buffer), Ok(0) | Err(_)) {}
        let _ = tell.send(());
    });
    // The thread can only end by telling.
    let _ = told.await;
}

#[cfg(unix)]
fn signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
    let (mut interrupt, mut break_key, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = break_key.recv() => {}
            _ = close.recv() => {}
        }
    })
}
