//! What an emulator is to be like. Every member has a default; `Config::default()` is a quiet, honest service.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// How an emulator listens, what it holds at the start and how it behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on, loopback only; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Serve TLS on `listen`, with a certificate of a CA made for this run.
    pub tls: bool,
    /// Serve plain HTTP on a port of its own beside TLS.
    pub plain_beside_tls: bool,
    /// How many backends, named `1` to this, each subscription's service starts with.
    pub backends: u32,
    /// How many subscriptions there are: `00000000-0000-0000-0000-000000000001` and on, counted in decimal digits.
    pub subscriptions: u32,
    /// The most entries on one page of a list.
    pub page_size: usize,
    /// How long every answer takes beyond the work for it.
    pub latency: Duration,
    /// Token bucket of each subscription for PUT, PATCH and POST, and another of the same size for DELETE.
    pub write_bucket: Option<BucketSize>,
    /// Token bucket of each subscription for GET and HEAD.
    pub read_bucket: Option<BucketSize>,
    /// The same over all principals of a subscription (`-global-` in the headers).
    pub global_write_bucket: Option<BucketSize>,
    /// Token bucket of each subscription for GET and HEAD, over all principals.
    pub global_read_bucket: Option<BucketSize>,
    /// The resource provider's own limit, which no header shows.
    pub hidden_limit: Option<HiddenLimit>,
    /// `Retry-After` of every 429 of a bucket, in seconds; `None`: until the next token, rounded up.
    pub retry_after: Option<u64>,
    /// Connections end after this many requests: HTTP/1.1 closes, HTTP/2 sends GOAWAY.
    pub requests_per_connection: Option<u32>,
    /// An outage to come.
    pub outage: Option<Outage>,
    /// The share of Resource Manager requests that meet one of `fault_kinds`, from 0 to 1.
    pub fault_rate: f64,
    /// What the faults of `fault_rate` are; each is as likely as the others.
    pub fault_kinds: Vec<FaultKind>,
    /// How long a request that meets [`FaultKind::Slow`] takes.
    pub slow: Duration,
    /// Seed of the faults: the same seed gives the same faults to the same sequence of requests.
    pub seed: u64,
    /// Bearer tokens that are accepted. Empty: any that is not blank.
    pub require_tokens: Vec<String>,
    /// Accept tokens of the emulator's own token endpoints only (and those of `require_tokens`), while they last.
    pub check_issued_tokens: bool,
    /// How long an issued token lasts.
    pub token_lifetime: Duration,
    /// Keep the journal. Without it long benchmarks need less memory.
    pub journal: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tls: false,
            plain_beside_tls: false,
            backends: 0,
            subscriptions: 1,
            page_size: 100,
            latency: Duration::ZERO,
            write_bucket: None,
            read_bucket: None,
            global_write_bucket: None,
            global_read_bucket: None,
            hidden_limit: None,
            retry_after: None,
            requests_per_connection: None,
            outage: None,
            fault_rate: 0.0,
            fault_kinds: Vec::new(),
            slow: Duration::from_secs(5),
            seed: 0,
            require_tokens: Vec::new(),
            check_issued_tokens: false,
            token_lifetime: Duration::from_secs(3600),
            journal: true,
        }
    }
}

impl Config {
    /// Says what cannot be: each message names the value and the way out.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.listen.ip().is_loopback() {
            return Err(format!(
                "{} is not a loopback address; listen on 127.0.0.1 or [::1]",
                self.listen.ip()
            ));
        }
        if self.plain_beside_tls && !self.tls {
            return Err("plain HTTP beside TLS needs TLS; without it the one address is plain HTTP already".into());
        }
        if self.subscriptions == 0 {
            return Err("0 subscriptions leave nothing to serve; give 1 or more".into());
        }
        if self.page_size == 0 {
            return Err("a page of 0 entries never ends a list; give a page size of 1 or more".into());
        }
        self.limits().check()?;
        if !(0.0..=1.0).contains(&self.fault_rate) {
            return Err(format!(
                "a fault rate of {} is not a share; give 0 to 1",
                self.fault_rate
            ));
        }
        if self.fault_rate > 0.0 && self.fault_kinds.is_empty() {
            return Err(
                "a fault rate needs kinds of faults: statuses of 400 to 599, reset, stall, lost or slow".into(),
            );
        }
        if let Some(blank) = self.require_tokens.iter().find(|token| token.trim().is_empty()) {
            return Err(format!(
                "'{blank}' is not a bearer token; a required token must not be blank"
            ));
        }
        Ok(())
    }

    /// What can be changed while the emulator runs.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            write_bucket: self.write_bucket,
            read_bucket: self.read_bucket,
            global_write_bucket: self.global_write_bucket,
            global_read_bucket: self.global_read_bucket,
            hidden_limit: self.hidden_limit,
            retry_after: self.retry_after,
            requests_per_connection: self.requests_per_connection,
        }
    }
}

/// The limits of a running emulator; each member is as the one of [`Config`] by that name, and `None` is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the members are documented at Config")]
pub struct Limits {
    pub write_bucket: Option<BucketSize>,
    pub read_bucket: Option<BucketSize>,
    pub global_write_bucket: Option<BucketSize>,
    pub global_read_bucket: Option<BucketSize>,
    pub hidden_limit: Option<HiddenLimit>,
    pub retry_after: Option<u64>,
    pub requests_per_connection: Option<u32>,
}

impl Limits {
    /// Says what cannot be, as [`Config::check`] does.
    pub(crate) fn check(&self) -> Result<(), String> {
        let buckets = [
            self.write_bucket,
            self.read_bucket,
            self.global_write_bucket,
            self.global_read_bucket,
            self.hidden_limit.map(|limit| BucketSize {
                capacity: 1,
                refill_per_second: limit.per_second,
            }),
        ];
        for bucket in buckets.into_iter().flatten() {
            if bucket.capacity < 1 {
                return Err("a bucket of 0 tokens lets nothing through; give 1 or more".into());
            }
            if !(bucket.refill_per_second > 0.0 && bucket.refill_per_second.is_finite()) {
                return Err(format!(
                    "a refill of {} tokens a second never ends a throttle; give more than 0",
                    bucket.refill_per_second
                ));
            }
        }
        if self.requests_per_connection == Some(0) {
            return Err("a connection for 0 requests serves nothing; give 1 or more".into());
        }
        Ok(())
    }
}

/// A resource provider's own limit for all requests of a subscription. Its 429 has `x-ms-failure-cause: service`; the
/// headers of the buckets say nothing of it, and where there are no buckets they say the same in every answer.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HiddenLimit {
    /// Requests let through a second; as many may come at once.
    pub per_second: f64,
    /// `Retry-After` of the refusals, in seconds.
    pub retry_after: u64,
}

/// A time without any answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// How many requests are answered before the one that starts it, which gets no answer.
    pub after_requests: u64,
    /// How long it lasts.
    pub length: Duration,
    /// What becomes of connections.
    pub kind: OutageKind,
}

/// What becomes of connections in an outage. Those that are open when it starts are closed in both kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutageKind {
    /// New ones are accepted and reset at once.
    #[default]
    Reset,
    /// New ones are refused: nothing listens.
    Refuse,
}

impl FromStr for OutageKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "reset" => Ok(Self::Reset),
            "refuse" => Ok(Self::Refuse),
            _ => Err(format!("'{text}' is no kind of outage; give reset or refuse")),
        }
    }
}

/// A token bucket: how many tokens it holds, and how fast they come back.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BucketSize {
    /// Tokens in a full bucket.
    pub capacity: u32,
    /// Tokens that come back each second, continuously; may be a fraction.
    pub refill_per_second: f64,
}

impl BucketSize {
    /// Azure Resource Manager's bucket for writes.
    pub const WRITES: Self = Self {
        capacity: 200,
        refill_per_second: 10.0,
    };
    /// Azure Resource Manager's bucket for reads.
    pub const READS: Self = Self {
        capacity: 250,
        refill_per_second: 25.0,
    };
    /// Azure Resource Manager's bucket for the writes of all principals: 15 times that of one.
    pub const GLOBAL_WRITES: Self = Self {
        capacity: 3000,
        refill_per_second: 150.0,
    };
    /// Azure Resource Manager's bucket for the reads of all principals.
    pub const GLOBAL_READS: Self = Self {
        capacity: 3750,
        refill_per_second: 375.0,
    };
}

/// A kind of fault that strikes by rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// An error answer with this status, 400 to 599. 409 and 422 are the service's transient ones.
    Status(u16),
    /// No answer: the connection (HTTP/1.1) or the stream (HTTP/2) is reset.
    Reset,
    /// No answer, ever; the connection stays.
    Stall,
    /// The request has its effect and gets no answer: reset as in `Reset`.
    Lost,
    /// The right answer, late.
    Slow,
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "reset" => Ok(Self::Reset),
            "stall" => Ok(Self::Stall),
            "lost" => Ok(Self::Lost),
            "slow" => Ok(Self::Slow),
            _ => match text.parse() {
                Ok(status @ 400..=599) => Ok(Self::Status(status)),
                _ => Err(format!(
                    "'{text}' is no kind of fault; give a status of 400 to 599, reset, stall, lost or slow"
                )),
            },
        }
    }
}
