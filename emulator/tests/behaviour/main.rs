//! The emulator as its users meet it: over HTTP, through the library's handle, and as a program.

mod backends;
mod client;
mod control;
mod faults;
mod identity;
mod outages;
mod program;
mod surroundings;
mod throttle;
mod transport;
