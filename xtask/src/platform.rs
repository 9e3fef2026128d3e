//! The platforms of the product: .NET's names for them ("runtime identifiers", which name the folders of native libraries)
//! beside Rust's.

use std::env::consts;

use anyhow::{Context, Result};

/// The oldest glibc that the libraries must run with: that of RHEL 7, and the one .NET itself asks for.
pub const OLDEST_GLIBC: &str = "2.17";

/// What Windows programs link with: one of these, by the compiler that built the library.
pub const IMPORT_LIBRARIES: [&str; 2] = ["libapim_backend_connection.dll.a", "apim_backend_connection.dll.lib"];

/// A platform that the product has a native library for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// The runtime identifier.
    pub rid: &'static str,
    /// The library's file name there.
    pub library: &'static str,
    /// The operating system, as [`consts::OS`] names it.
    pub os: &'static str,
    /// The processor, as [`consts::ARCH`] names it.
    pub arch: &'static str,
    /// The C library, where the operating system has several.
    pub libc: Option<Libc>,
    /// Rust's name for the platform, built on the operating system itself.
    pub target: &'static str,
    /// Rust's name for the platform, built on another operating system.
    pub cross_target: &'static str,
}

/// A C library of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// GNU's.
    Glibc,
    /// The one of Alpine.
    Musl,
}

const LINUX: &str = "libapim_backend_connection.so";
const MACOS: &str = "libapim_backend_connection.dylib";
const WINDOWS: &str = "apim_backend_connection.dll";

/// Every platform of the product. `NativeLibrary.ps1` looks for the same names.
pub const PLATFORMS: [Platform; 8] = [
    linux("linux-x64", "x86_64", Libc::Glibc, "x86_64-unknown-linux-gnu"),
    linux("linux-arm64", "aarch64", Libc::Glibc, "aarch64-unknown-linux-gnu"),
    linux("linux-musl-x64", "x86_64", Libc::Musl, "x86_64-unknown-linux-musl"),
    linux("linux-musl-arm64", "aarch64", Libc::Musl, "aarch64-unknown-linux-musl"),
    macos("osx-x64", "x86_64", "x86_64-apple-darwin"),
    macos("osx-arm64", "aarch64", "aarch64-apple-darwin"),
    windows(
        "win-x64",
        "x86_64",
        "x86_64-pc-windows-msvc",
        "x86_64-pc-windows-gnullvm",
    ),
    windows(
        "win-arm64",
        "aarch64",
        "aarch64-pc-windows-msvc",
        "aarch64-pc-windows-gnullvm",
    ),
];

const fn linux(rid: &'static str, arch: &'static str, libc: Libc, target: &'static str) -> Platform {
    Platform {
        rid,
        library: LINUX,
        os: "linux",
        arch,
        libc: Some(libc),
        target,
        cross_target: target,
    }
}

const fn macos(rid: &'static str, arch: &'static str, target: &'static str) -> Platform {
    Platform {
        rid,
        library: MACOS,
        os: "macos",
        arch,
        libc: None,
        target,
        cross_target: target,
    }
}

const fn windows(rid: &'static str, arch: &'static str, target: &'static str, cross_target: &'static str) -> Platform {
    Platform {
        rid,
        library: WINDOWS,
        os: "windows",
        arch,
        libc: None,
        target,
        cross_target,
    }
}

/// The platform with this runtime identifier.
pub fn named(rid: &str) -> Result<&'static Platform> {
    PLATFORMS
        .iter()
        .find(|platform| platform.rid == rid)
        .with_context(|| format!("{rid} is not one of the product's platforms ({})", names()))
}

/// The platform of this machine.
pub fn host() -> Result<&'static Platform> {
    let libc = match () {
        () if cfg!(target_env = "musl") => Some(Libc::Musl),
        () if cfg!(target_os = "linux") => Some(Libc::Glibc),
        () => None,
    };
    PLATFORMS
        .iter()
        .find(|platform| platform.os == consts::OS && platform.arch == consts::ARCH && platform.libc == libc)
        .with_context(|| {
            format!(
                "{} on {} is not one of the product's platforms ({})",
                consts::OS,
                consts::ARCH,
                names()
            )
        })
}

/// All runtime identifiers, for a message.
pub fn names() -> String {
    PLATFORMS.map(|platform| platform.rid).join(", ")
}
