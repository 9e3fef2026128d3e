//! The contenders that are written in Rust: bare reqwest, and the native library through its C ABI. Each run is a
//! process of its own (`xtask bench-client`), so that its CPU time and its memory are those of the contender alone.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use cpu_time::ProcessTime;
use serde_json::json;

use super::sample::{Sample, median};
use crate::emulator;
use crate::native_session::NativeLibrary;
use crate::tls;

/// Who resets.
#[derive(Debug, Subcommand)]
pub enum Client {
    /// Bare reqwest in a loop.
    Reqwest(BareReqwest),
    /// The native library through its C ABI.
    Native(Native),
}

/// Bare reqwest in a loop.
#[derive(Debug, Args)]
pub struct BareReqwest {
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Runtime {
    CurrentThread,
    TwoWorkers,
}

/// The native library through its C ABI.
#[derive(Debug, Args)]
pub struct Native {
    #[arg(long)]
    library: PathBuf,
    #[arg(long)]
    requests: u64,
    /// Take an event for each item and count how often each has one.
    #[arg(long)]
    accounted: bool,
}

/// Runs a client and prints its sample.
pub fn run(client: &Client) -> Result<()> {
    let sample = match client {
        Client::Reqwest(options) => bare_reqwest(options)?,
        Client::Native(options) => native(options)?,
    };
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

/// The emulator has this many backends at the most; a longer fleet goes round.
fn backend(n: u64) -> String {
    emulator::backend_id(n % 10_000 + 1)
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
            let answer = self.client.post(&url).bearer_auth(&self.token).send().await;
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

fn bare_reqwest(options: &BareReqwest) -> Result<Sample> {
    let runtime = match options.runtime {
        Runtime::CurrentThread => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        Runtime::TwoWorkers => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?,
    };
    tls::install_provider();
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
        Ok(Sample {
            requests: Some(requests),
            failed: Some(failed.load(Ordering::Relaxed)),
            refusals: Some(refusals.load(Ordering::Relaxed)),
            seconds: Some(began.elapsed().as_secs_f64()),
            cpu_seconds: Some(cpu.elapsed().as_secs_f64()),
            process_cpu_seconds: Some(ProcessTime::now().as_duration().as_secs_f64()),
            peak_bytes: peak_bytes(),
            first_seconds: Some(first.as_secs_f64()),
            median_seconds: median(times.into_iter().flatten()),
            ..Sample::default()
        })
    })
}

fn native(options: &Native) -> Result<Sample> {
    let library = NativeLibrary::load(&options.library)?;
    let started = |success_events: bool| library.session(&json!({ "successEvents": success_events }).to_string());
    let item = |n: u64| format!(r#"{{"id":"{}"}}"#, backend(n));

    // The first request belongs to the start: it gets the token and makes the connection.
    let first = started(false)?;
    let began = Instant::now();
    first.submit(&item(0), |_, _| {})?;
    first.finish(|_, _| {})?;
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
    let mut count = |number: u64, _: String| {
        if let Some(outcome) = outcomes.get_mut(number as usize) {
            *outcome += 1;
        }
    };
    let (began, cpu) = (Instant::now(), ProcessTime::now());
    let session = started(options.accounted)?;
    for n in 0..options.requests {
        session.submit(&item(n), &mut count)?;
    }
    session.finish(&mut count)?;
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    let counts = session.counts();
    Ok(Sample {
        requests: Some(counts.submitted),
        failed: Some(counts.failed + counts.cancelled),
        succeeded: Some(counts.succeeded),
        distinct: options
            .accounted
            .then(|| outcomes.iter().filter(|count| **count > 0).count() as u64),
        twice: options
            .accounted
            .then(|| outcomes.iter().filter(|count| **count > 1).count() as u64),
        refusals: Some(counts.refusals),
        seconds: Some(seconds),
        cpu_seconds: Some(cpu_seconds),
        process_cpu_seconds: Some(ProcessTime::now().as_duration().as_secs_f64()),
        peak_bytes: peak_bytes(),
        first_seconds: Some(first_seconds),
        ..Sample::default()
    })
}

/// The most memory that this process has had. Only Linux tells it in a file; elsewhere it is left out.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
