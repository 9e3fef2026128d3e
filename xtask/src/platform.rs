//! .NET's names for platforms ("runtime identifiers"), which name the folders of native libraries.

use std::env::consts;

use anyhow::{Result, bail};

/// A platform that the product has a native library for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// The runtime identifier.
    pub rid: &'static str,
    /// The library's file name there.
    pub library: &'static str,
    os: &'static str,
    arch: &'static str,
}

const LINUX: &str = "libapim_backend_connection.so";
const MACOS: &str = "libapim_backend_connection.dylib";
const WINDOWS: &str = "apim_backend_connection.dll";

/// Every platform of the product.
pub const PLATFORMS: [Platform; 6] = [
    Platform {
        rid: "linux-x64",
        library: LINUX,
        os: "linux",
        arch: "x86_64",
    },
    Platform {
        rid: "linux-arm64",
        library: LINUX,
        os: "linux",
        arch: "aarch64",
    },
    Platform {
        rid: "osx-x64",
        library: MACOS,
        os: "macos",
        arch: "x86_64",
    },
    Platform {
        rid: "osx-arm64",
        library: MACOS,
        os: "macos",
        arch: "aarch64",
    },
    Platform {
        rid: "win-x64",
        library: WINDOWS,
        os: "windows",
        arch: "x86_64",
    },
    Platform {
        rid: "win-arm64",
        library: WINDOWS,
        os: "windows",
        arch: "aarch64",
    },
];

/// The platform of this machine.
pub fn host() -> Result<&'static Platform> {
    let found = PLATFORMS
        .iter()
        .find(|platform| platform.os == consts::OS && platform.arch == consts::ARCH);
    match found {
        Some(platform) => Ok(platform),
        None => bail!(
            "{} on {} is not one of the product's platforms ({})",
            consts::OS,
            consts::ARCH,
            PLATFORMS.map(|platform| platform.rid).join(", ")
        ),
    }
}
