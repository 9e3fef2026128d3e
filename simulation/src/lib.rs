//! Runs the engine's core against a simulated service, under virtual time and a seed.
//!
//! One seed is one run: the service's limits and faults, the processes, their sessions, the items and what the callers do
//! are drawn from it. The service keeps a ledger of what it carried out; `check` compares that with what each caller was
//! told. The same seed gives the same [`Report::trace`].

mod caller;
mod check;
mod clock;
pub mod limits;
mod plan;
mod service;
mod sweep;
mod world;

pub use plan::{Hidden, Pace, Plan};
pub use sweep::{Summary, sweep};
pub use world::{Report, run};
