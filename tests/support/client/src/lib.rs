//! The engine as any other program sees it: through the symbols of its shared library, loaded at run time.
//!
//! It is a crate of its own because it is measured: `cargo xtask bench` holds it against other clients of the service.

mod library;
mod session;

pub use library::{Functions, Handle, Library, Status};
pub use session::{Event, Next, Progress, Session};
