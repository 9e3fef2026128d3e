//! Who is calling, through the C ABI: where tokens come from, how long they are used, and what they are sent over.

mod caller;
mod chain;
// The stand-in for `az` answers `--query` only as a shell script.
#[cfg(unix)]
mod documentation;
mod lifetime;
mod network;
mod sources;
mod stage;
