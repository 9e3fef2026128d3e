//! What the tests of the engine share.
//!
//! [`Session`] is the engine as any other program sees it: through the symbols of the shared library that cargo built,
//! loaded at run time. [`TestEmulator`] is the other end of the wire, and [`Options`] leads a session to it.
//! Nothing here changes the environment of the process, so tests run beside each other.

mod canned_server;
mod emulator;
mod event;
mod library;
mod options;
mod program;
mod run;
mod session;

pub use abi_client::{Functions, Handle, Progress, Status};
pub use canned_server::{CannedServer, Received};
pub use emulator::{TestEmulator, backend_id, backend_path, item, item_in, random_token, reset_path, subscription};
pub use event::{Event, Kind};
pub use library::{functions, library_path};
pub use options::Options;
pub use program::{Language, Program, c_compiler, output_of, tool};
pub use run::{Run, run};
pub use session::{DEADLINE, Next, Session, describe, describe_text};
