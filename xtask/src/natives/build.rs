//! One library built for one platform.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::inspect;
use super::toolchain::{self, Toolchain};
use super::tools::{self, Tools};
use crate::platform::{IMPORT_LIBRARIES, Libc, OLDEST_GLIBC, Platform};
use crate::workspace;

/// How this machine builds for a platform.
#[derive(Debug, Clone)]
pub struct Build {
    platform: &'static Platform,
    toolchain: Toolchain,
    tools: Tools,
    /// With Zig as C compiler and linker, which have what Linux and Windows link against; else with the system's own.
    with_zig: bool,
    sources: PathBuf,
    target_directory: PathBuf,
    /// In place of the user's own, for a build that depends on nothing of it.
    home: Option<PathBuf>,
}

/// What was built.
#[derive(Debug)]
pub struct Built {
    /// The library.
    pub library: PathBuf,
    /// What Windows programs link with.
    pub import_library: Option<PathBuf>,
}

impl Build {
    /// Looks for what the build needs, installing what it can; `links` is false where it only type-checks. The inner
    /// error is what this machine lacks.
    pub fn prepare(platform: &'static Platform, links: bool) -> Result<Result<Self, String>> {
        let at_home = platform.os == env::consts::OS;
        let with_zig = !(at_home && platform.libc.is_none());
        if links && platform.os == "macos" && !at_home && env::var_os("SDKROOT").is_none() {
            return Ok(Err(
                "Needs a Mac, or SDKROOT with the path of a macOS SDK: Apple's frameworks are to be had nowhere else."
                    .into(),
            ));
        }
        if with_zig && cfg!(windows) {
            return Ok(Err(
                "Needs Linux or a Mac: cross-compiling from Windows was not tried.".into()
            ));
        }
        let target = if at_home {
            platform.target
        } else {
            platform.cross_target
        };
        let toolchain = match toolchain::find(target) {
            Ok(toolchain) => toolchain,
            Err(needs) => return Ok(Err(needs)),
        };
        let tools = match Tools::install(with_zig)? {
            Ok(tools) => tools,
            Err(needs) => return Ok(Err(needs)),
        };
        let build = Self {
            platform,
            toolchain,
            tools,
            with_zig,
            sources: workspace::root().to_owned(),
            // Not Cargo's own: a build of many minutes would keep every other command of the workspace waiting.
            target_directory: workspace::target_directory()?.join("natives-build"),
            home: None,
        };
        if build.with_zig && platform.os == "windows" {
            let names: String = inspect::functions()?
                .iter()
                .map(|name| format!("    {name}\n"))
                .collect();
            fs::write(
                build.exports_file(),
                format!("LIBRARY {}\nEXPORTS\n{names}", platform.library),
            )?;
        }
        Ok(Ok(build))
    }

    /// The same build of another copy of the sources, with a home that is not the user's.
    pub fn elsewhere(&self, sources: &Path, home: &Path) -> Self {
        Self {
            sources: sources.to_owned(),
            target_directory: sources.join("target"),
            home: Some(home.to_owned()),
            ..self.clone()
        }
    }

    /// What it is built for.
    pub fn platform(&self) -> &'static Platform {
        self.platform
    }

    /// The tools that it uses.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Rust's name for the platform.
    pub fn target(&self) -> &'static str {
        if self.with_zig && self.platform.os != env::consts::OS {
            self.platform.cross_target
        } else {
            self.platform.target
        }
    }

    /// Whether Zig is its C compiler and linker.
    pub fn with_zig(&self) -> bool {
        self.with_zig
    }

    /// Type-checks the library.
    pub fn check(&self) -> Result<()> {
        let mut command = self.cargo(if self.with_zig {
            self.tools.program("cargo-zigbuild")
        } else {
            self.toolchain.cargo.clone()
        });
        tools::run(command.arg("check").args(self.arguments()))
    }

    /// Builds the library as it is shipped.
    pub fn build(&self) -> Result<Built> {
        // The flags name the folders that the dependencies' sources are in.
        tools::run(
            self.cargo(self.toolchain.cargo.clone())
                .args(["fetch", "--locked", "--quiet"]),
        )?;
        let mut command = self.cargo(self.tools.cargo_auditable()?);
        command
            .args([
                "auditable",
                if self.with_zig { "zigbuild" } else { "build" },
                "--release",
            ])
            .args(self.arguments());
        tools::run(&mut command)?;
        let directory = self.target_directory.join(self.target()).join("release");
        let import_library = IMPORT_LIBRARIES
            .map(|name| directory.join(name))
            .into_iter()
            .find(|path| self.platform.os == "windows" && path.is_file());
        Ok(Built {
            library: directory.join(self.platform.library),
            import_library,
        })
    }

    /// The folders of this machine that its compilers see, with what stands for each in the library.
    pub fn paths(&self) -> Vec<(PathBuf, String)> {
        let cargo_home = self.cargo_home();
        let mut paths = vec![
            (self.sources.clone(), "/src".to_owned()),
            (self.target_directory.clone(), "/target".to_owned()),
            (self.toolchain.std_sources(), "/rust".to_owned()),
            (self.tools.path(""), "/tools".to_owned()),
        ];
        // Its name depends on which registry it mirrors.
        let registries = fs::read_dir(cargo_home.join("registry").join("src"));
        paths.extend(
            registries
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| (entry.path(), "/registry".to_owned())),
        );
        paths
    }

    fn cargo_home(&self) -> PathBuf {
        match &self.home {
            Some(home) => home.join(".cargo"),
            None => env::var_os("CARGO_HOME")
                .map_or_else(|| env::home_dir().unwrap_or_default().join(".cargo"), PathBuf::from),
        }
    }

    /// The list of exports in the form of Windows' linkers.
    fn exports_file(&self) -> PathBuf {
        self.tools.path("exports.def")
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut target = self.target().to_owned();
        if self.platform.libc == Some(Libc::Glibc) {
            target = format!("{target}.{OLDEST_GLIBC}");
        }
        let mut arguments: Vec<OsString> = [
            "--locked",
            "--lib",
            "--package",
            workspace::LIBRARY_PACKAGE,
            "--target",
            &target,
        ]
        .map(OsString::from)
        .to_vec();
        arguments.extend(["--target-dir".into(), self.target_directory.clone().into()]);
        if self.toolchain.builds_std {
            arguments.extend(["-Z".into(), "build-std=std,panic_unwind".into()]);
        }
        arguments
    }

    /// A command of Cargo's, with the toolchain and the tools, and with nothing of the user's settings.
    fn cargo(&self, program: PathBuf) -> Command {
        let mut command = workspace::clean(Command::new(program));
        command
            .current_dir(&self.sources)
            .env("PATH", self.tools.search_path())
            .env("CARGO", &self.toolchain.cargo)
            .env("RUSTC", &self.toolchain.rustc)
            .env("ZIG_GLOBAL_CACHE_DIR", self.tools.zig_cache())
            .env("CARGO_ZIGBUILD_CACHE_DIR", self.tools.path("zigbuild-cache"))
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags().join("\u{1f}"));
        if self.toolchain.builds_std {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        if let Some(home) = &self.home {
            command.env("HOME", home).env("CARGO_HOME", self.cargo_home());
        }
        command
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        if self.with_zig && self.platform.os == "windows" {
            // cargo-zigbuild drops rustc's own list of exports, and the linker then exports every symbol.
            flags.push(format!("-Clink-arg={}", self.exports_file().display()));
        }
        for (path, stands_for) in self.paths() {
            flags.push(format!("--remap-path-prefix={}={stands_for}", path.display()));
        }
        if self.platform.libc == Some(Libc::Musl) {
            // A shared library needs the process's own C library.
            flags.push("-Ctarget-feature=-crt-static".into());
        }
        flags
    }
}
