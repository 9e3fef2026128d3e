//! The engine of `Reset-AzApiManagementBackendConnection`.
//!
//! A session takes items, sends their requests to Azure Resource Manager and gives their results in input order.
//! `docs/design.md` draws the parts; the way of one item through them is:
//!
//! [`ffi`] → `session` → `item`, `resource_id`, `settings` (checks) → the core (what to send, and when) →
//! `session::driver`, `exchange` (sending) → the core (what the answer means) → `session::event` (results) → [`ffi`].
//!
//! `environment`, `cloud`, `subscription`, `tuning`, `credential` and `http_client` say who is calling, where to, and how.

#![deny(unsafe_code)]

mod azure_cli;
mod cloud;
mod credential;
mod defect;
mod describe;
mod environment;
mod error;
mod error_body;
mod error_json;
mod exchange;
#[allow(unsafe_code)]
pub mod ffi;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod http_client;
mod item;
mod json;
mod mask;
#[allow(unsafe_code)]
mod os;
mod resource_id;
mod runtime;
mod secret;
mod session;
mod settings;
mod subscription;
mod target;
mod trace;
mod tuning;
