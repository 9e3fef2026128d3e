//! What the workspace's commands do, and what its tests need to run the product as users do: a PowerShell
//! ([`pwsh`]) and the modules ([`stage`]).
#![forbid(unsafe_code)]

pub mod bench;
pub mod clients;
pub mod demo;
mod download;
pub mod emulator;
pub mod header;
mod lock;
pub mod natives;
pub mod package;
pub mod parity;
pub mod platform;
pub mod pwsh;
mod pwsh_release;
pub mod simulate;
pub mod stage;
mod tls;
pub mod version;
pub mod workspace;
