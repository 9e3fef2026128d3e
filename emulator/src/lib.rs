//! A loopback Azure Resource Manager for the backends of Azure API Management.
//!
//! It answers as the service does (ETags, error bodies, throttling, request ids), keeps a journal of what it was
//! sent, and can be told to be slow, to fail or to fall silent. Tests and demos start it in-process:
//!
//! ```
//! use apim_emulator::{Config, Emulator};
//!
//! let emulator = Emulator::start(Config { backends: 3, ..Config::default() })?;
//! assert!(emulator.url().starts_with("http://127.0.0.1:"));
//! assert!(emulator.journal().is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Reading order: [`Emulator`] owns a thread; `connection` accepts and speaks HTTP; `exchange` takes one request
//! through journal, faults, sign-in check, throttle and latency to its answer; `arm` answers it from the `world`.

mod address_file;
mod answer;
mod arm;
mod backend_store;
mod config;
mod connection;
mod contract;
mod control;
mod counters;
mod discovery;
mod emulator;
mod exchange;
mod fault;
mod identity;
mod journal;
mod outage;
mod route;
mod throttle;
mod tls;
mod token_issuer;
mod world;

pub use address_file::write_atomically;
pub use config::{BucketSize, Config, FaultKind, HiddenLimit, Limits, Outage, OutageKind};
pub use counters::Stats;
pub use emulator::Emulator;
pub use fault::{ErrorDetail, Fault, FaultAction, InjectedAnswer};
pub use journal::JournalEntry;
