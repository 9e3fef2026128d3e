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
//! Reading order: [`Emulator`] owns a thread; `connection` accepts and speaks HTTP; `pipeline` takes one request through
//! journal, faults, sign-in check, throttle and latency to the family of its path, in `paths`; those answer from
//! `resources`, which know no HTTP. No module uses one that uses it.

mod admission;
mod backend_store;
mod config;
mod connection;
mod control;
mod etag;
mod faults;
mod filter;
mod handle;
mod journal;
mod listing;
mod lookup;
mod outage;
mod paths;
mod pipeline;
mod replies;
mod request;
mod resources;
mod rules;
mod state;
mod throttle;
mod tls;
mod tokens;

pub use config::{BucketSize, Config, FaultKind, HiddenLimit, Limits, Outage, OutageKind};
pub use faults::{Fault, FaultAction, InjectedAnswer};
pub use handle::Emulator;
pub use journal::{JournalEntry, Stats};
pub use replies::ErrorDetail;
pub use resources::KnownReferences;
