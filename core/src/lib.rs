//! The engine's decisions: what to send, when, and what an answer means.
//!
//! Nothing here does I/O, reads a clock, starts a thread or draws global randomness: the time is an argument, and the
//! seed is given. The shell in `src/session/` does what this crate decides.

pub mod pacer;
