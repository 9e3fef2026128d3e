//! The contenders of `cargo xtask bench` that are written in Rust: bare reqwest, and the native library through its
//! C ABI. Each run is a process of its own, so that its CPU time and its memory are those of the contender alone.
//!
//! It prints one line of JSON, as the scripts of the other contenders do. Where to and with what token is in the
//! environment.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use abi_client::{Event, Library, Session, Status};
use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Parser, ValueEnum};
use cpu_time::ProcessTime;
use serde_json::{Value, json};

/// Longer than any run takes.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// One run of a contender; `cargo xtask bench` starts it.
#[derive(Parser)]
enum Client {
    /// Bare reqwest in a loop.
    Reqwest(BareReqwest),
    /// The native library through its C ABI.
    Native(Native),
}

/// Bare reqwest in a loop.
#[derive(Args)]
struct BareReqwest {
    #[arg(long)]
    requests: u64,
    #[arg(long)]
    in_flight: u64,
    #[arg(long, value_enum, default_value_t = Runtime::CurrentThread)]
    runtime: Runtime,
    /// HTTP/1.1 with a connection for each request in flight, in place of HTTP/2 over one connection.
    #[arg(long)]
    http1: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Runtime {
    CurrentThread,
    TwoWorkers,
}

/// The native library through its C ABI.
#[derive(Args)]
struct Native {
    #[arg(long)]
    library: PathBuf,
    #[arg(long)]
    requests: u64,
    /// Read each backend after its reset, and count how often each item has an event.
    #[arg(long)]
    accounted: bool,
}

fn main() -> Result<()> {
    let sample = match Client::parse() {
        Client::Reqwest(options) => bare_reqwest(&options)?,
        Client::Native(options) => native(&options)?,
    };
    println!("{sample}");
    Ok(())
}

/// The resource id of a backend. The emulator has ten thousand; a longer fleet goes round.
fn backend(n: u64) -> String {
    format!(
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/Api-Default-WestUS/providers/\
         Microsoft.ApiManagement/service/contoso/backends/{}",
        n % 10_000 + 1
    )
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name} is not set; this command is run by `cargo xtask bench`"))
}

struct Requester {
    client: reqwest::Client,
    endpoint: String,
    token: String,
}

impl Requester {
    /// One reset. A refusal is waited out as the service asks: without that a loop would end at the first one.
    async fn reset(&self, n: u64, refusals: &AtomicU64) -> bool {
        let url = format!("{}{}/reconnect?api-version=2024-05-01", self.endpoint, backend(n));
        loop {
            let answer = self
                .client
                .post(&url)
                .bearer_auth(&self.token)
                .header("content-length", 0)
                .send()
                .await;
            let Ok(answer) = answer else { return false };
            let status = answer.status();
            let wait = answer
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.parse().ok());
            if answer.bytes().await.is_err() {
                return false;
            }
            match (status.as_u16(), wait) {
                (429, Some(seconds)) => {
                    refusals.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                (status, _) => return status == 202,
            }
        }
    }
}

fn bare_reqwest(options: &BareReqwest) -> Result<Value> {
    let runtime = match options.runtime {
        Runtime::CurrentThread => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        Runtime::TwoWorkers => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?,
    };
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("this process has a provider of cryptography already"))?;
    let ca = std::fs::read(variable("SSL_CERT_FILE")?)?;
    let builder = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
        .no_proxy()
        .pool_max_idle_per_host(128);
    let builder = if options.http1 { builder.http1_only() } else { builder };
    let requester = Arc::new(Requester {
        client: builder.build()?,
        endpoint: variable("AZURE_RESOURCE_MANAGER_ENDPOINT")?,
        token: variable("AZURE_ACCESS_TOKEN")?,
    });
    let refusals = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(AtomicU64::new(0));

    runtime.block_on(async {
        // The first request belongs to the start: it makes the connection.
        let began = Instant::now();
        requester.reset(0, &refusals).await;
        let first = began.elapsed();

        let next = Arc::new(AtomicU64::new(0));
        let requests = options.requests;
        let (began, cpu) = (Instant::now(), ProcessTime::now());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..options.in_flight {
            let (requester, refusals, failed, next) = (
                Arc::clone(&requester),
                Arc::clone(&refusals),
                Arc::clone(&failed),
                Arc::clone(&next),
            );
            tasks.spawn(async move {
                let mut times = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= requests {
                        return times;
                    }
                    let began = Instant::now();
                    if !requester.reset(n, &refusals).await {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    times.push(began.elapsed().as_secs_f64());
                }
            });
        }
        let times = tasks.join_all().await;
        let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
        Ok(json!({
            "requests": requests,
            "failed": failed.load(Ordering::Relaxed),
            "refusals": refusals.load(Ordering::Relaxed),
            "seconds": seconds,
            "cpuSeconds": cpu_seconds,
            "processCpuSeconds": ProcessTime::now().as_duration().as_secs_f64(),
            "peakBytes": peak_bytes(),
            "firstSeconds": first.as_secs_f64(),
            "medianSeconds": median(times.into_iter().flatten().collect()),
        }))
    })
}

fn native(options: &Native) -> Result<Value> {
    let library = Library::load(&options.library).map_err(|why| anyhow!(why))?;
    let started = |success_events: bool| {
        let session_options = json!({ "successEvents": success_events }).to_string();
        Session::start(&library, &session_options, None)
            .map_err(|(status, error)| anyhow!("there is no session: {status:?} {error:?}"))
    };
    // As the cmdlet's row does with -PassThru: each backend is read after its reset.
    let pass_thru = options.accounted;
    let item = |n: u64| format!(r#"{{"id":"{}","passThru":{pass_thru}}}"#, backend(n));

    // The first request belongs to the start: it gets the token and makes the connection.
    let first = started(false)?;
    let began = Instant::now();
    feed(&first, &item(0), |_| {})?;
    ensure!(first.finish() == Status::OK, "the session does not end");
    first.take_rest(LONG, |_| {});
    let first_seconds = began.elapsed().as_secs_f64();
    drop(first);

    let mut outcomes = vec![
        0_u32;
        if options.accounted {
            options.requests as usize
        } else {
            0
        }
    ];
    let mut count = |event: Event| {
        if let Some(outcome) = outcomes.get_mut(event.number as usize) {
            *outcome += 1;
        }
    };
    let (began, cpu) = (Instant::now(), ProcessTime::now());
    let session = started(options.accounted)?;
    for n in 0..options.requests {
        feed(&session, &item(n), &mut count)?;
    }
    ensure!(session.finish() == Status::OK, "the session does not end");
    session.take_rest(LONG, &mut count);
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    let counts = session.progress();
    let items_with = |least: u32| outcomes.iter().filter(|count| **count >= least).count();
    Ok(json!({
        "requests": counts.submitted,
        "failed": counts.failed + counts.cancelled,
        "succeeded": counts.succeeded,
        "distinct": options.accounted.then(|| items_with(1)),
        "twice": options.accounted.then(|| items_with(2)),
        "refusals": counts.refusals,
        "seconds": seconds,
        "cpuSeconds": cpu_seconds,
        "processCpuSeconds": ProcessTime::now().as_duration().as_secs_f64(),
        "peakBytes": peak_bytes(),
        "firstSeconds": first_seconds,
    }))
}

fn feed(session: &Session, item: &str, taken: impl FnMut(Event)) -> Result<()> {
    let status = session.feed_text(item, LONG, taken);
    ensure!(status != Status::INVALID_STATE, "the session takes no more items");
    Ok(())
}

/// The time in the middle.
fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// The most memory that this process has had. Only Linux tells it in a file; elsewhere it is left out.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
