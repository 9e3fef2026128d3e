//! The engine's decisions: what to send, when, and what an answer means.
//!
//! Nothing here does I/O, reads a clock, starts a thread or draws global randomness: the time is an argument, and the
//! seed is given. The shell in `src/session/` does what this crate decides.
//!
//! [`machine::Machine`] is a session. It asks `job` what a reply means for an item, which asks `retry`; `queues` and
//! [`pacer`] what may be sent next, `health` whether the endpoint answers, and `reorder` gives results in input order.

pub mod buckets;
pub mod event;
mod health;
mod job;
pub mod machine;
pub mod pacer;
pub mod progress;
mod queues;
pub mod renewal;
mod reorder;
pub mod reply;
pub mod retry;
pub mod step;
