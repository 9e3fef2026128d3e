//! The C example, built for a library's platform and run with it against the emulator over TLS: one backend, then a fleet.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};

use super::build::Build;
use super::tools;
use crate::emulator::{Emulator, Profile, backend_id};
use crate::platform::{self, Libc, OLDEST_GLIBC, Platform};
use crate::workspace;

const FLEET: usize = 200;

/// How a program of a platform is run on this machine.
enum Runner {
    Itself,
    /// Through a program that takes it as its last argument.
    Through(Vec<String>),
    Wine,
}

/// Builds and runs the example. What was done, or what this machine lacks for it, as a line for the user.
pub fn run(build: &Build, library: &Path) -> Result<String> {
    let platform = build.platform();
    if !build.with_zig() {
        return Ok("`cargo test` runs the C example with this system's own compiler".into());
    }
    let runner = match runner(platform)? {
        Ok(runner) => runner,
        Err(lacks) => return Ok(format!("not run. {lacks}")),
    };
    let directory = build.tools().path("c-example").join(platform.rid);
    fs::create_dir_all(&directory)?;
    // Beside each other: Windows looks there, and the others are told to.
    fs::copy(library, directory.join(platform.library))?;
    let program = compile(build, library, &directory)?;

    let emulator = Emulator::start(Profile::Dev, ["--backends", &FLEET.to_string()])?;
    let fleet: String = (1..=FLEET).map(|number| backend_id(number) + "\n").collect();
    for (arguments, input, expected) in [(vec![backend_id(1)], "", 1), (vec![], fleet.as_str(), FLEET)] {
        let mut command = command(&runner, &program, build)?;
        command
            .current_dir(&directory)
            // Cargo's, which leads to the library of its own last build.
            .env_remove("LD_LIBRARY_PATH")
            .envs(emulator.environment())
            .args(arguments);
        let output = feed(&mut command, input)?;
        let accepted = accepted(&emulator)?;
        emulator.empty_journal()?;
        ensure!(
            output.status.success() && accepted == expected,
            "{accepted} of {expected} resets were accepted ({}): {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let how = match runner {
        Runner::Itself => String::new(),
        Runner::Through(program) => format!(", under {}", program[0]),
        Runner::Wine => ", under wine".to_owned(),
    };
    Ok(format!("the C example reset 1 and {FLEET} backends over TLS{how}"))
}

fn accepted(emulator: &Emulator) -> Result<usize> {
    let journal = emulator.journal()?;
    Ok(journal.iter().filter(|request| request.status == Some(202)).count())
}

/// The inner error is what this machine lacks.
fn runner(platform: &Platform) -> Result<Result<Runner, String>> {
    let host = platform::host()?;
    let same_processor = platform.arch == host.arch;
    if platform == host {
        return Ok(Ok(Runner::Itself));
    }
    Ok(match (platform.os, platform.libc) {
        ("linux", Some(libc)) if host.os == "linux" => {
            let (loader, package) = match libc {
                Libc::Musl => (format!("/lib/ld-musl-{}.so.1", platform.arch), "musl"),
                Libc::Glibc => (format!("/usr/{}-linux-gnu/lib", platform.arch), "libc6-arm64-cross"),
            };
            let qemu = format!("qemu-{}-static", platform.arch);
            if !Path::new(&loader).exists() {
                let architecture = if same_processor || libc == Libc::Glibc {
                    ""
                } else {
                    " of the architecture arm64"
                };
                Err(format!("Needs {loader} (Debian's package {package}{architecture})."))
            } else if same_processor {
                Ok(Runner::Itself)
            } else if !on_path(&qemu) {
                Err(format!("Needs {qemu} (Debian's package qemu-user-static)."))
            } else {
                let root = loader.strip_suffix("/lib").unwrap_or("/").to_owned();
                Ok(Runner::Through(vec![qemu, "-L".into(), root]))
            }
        }
        ("windows", _) if host.os == "linux" && same_processor => match on_path("wine") {
            true => Ok(Runner::Wine),
            false => Err("Needs wine (Debian's package wine).".into()),
        },
        (os, _) => Err(format!("Needs {os} on {}.", platform.arch)),
    })
}

fn on_path(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|directory| directory.join(program).is_file())
}

fn compile(build: &Build, library: &Path, directory: &Path) -> Result<PathBuf> {
    let platform = build.platform();
    let mut compiler = zig_cc(build);
    let program = directory.join(if platform.os == "windows" { "reset.exe" } else { "reset" });
    compiler
        .arg(workspace::root().join("examples/reset.c"))
        .arg("-I")
        .arg(workspace::root().join("include"));
    if platform.os == "windows" {
        let import = library.with_file_name("libapim_backend_connection.dll.a");
        compiler.arg(import);
    } else {
        compiler.arg(library).arg("-Wl,-rpath,$ORIGIN");
    }
    tools::run(compiler.arg("-o").arg(&program))?;
    Ok(program)
}

/// Zig as a C compiler for the platform.
fn zig_cc(build: &Build) -> Command {
    let platform = build.platform();
    let system = match (platform.os, platform.libc) {
        ("linux", Some(Libc::Glibc)) => format!("linux-gnu.{OLDEST_GLIBC}"),
        ("linux", _) => "linux-musl".to_owned(),
        (os, _) => format!("{os}-gnu"),
    };
    let mut compiler = build.tools().zig();
    compiler.args(["cc", "-target", &format!("{}-{system}", platform.arch)]);
    // Without optimization Zig adds a sanitizer, which wants a newer C library than the example.
    compiler.args(["-O2", "-fno-sanitize=undefined"]);
    if platform.libc == Some(Libc::Musl) {
        compiler.arg("-dynamic");
    }
    compiler
}

fn command(runner: &Runner, program: &Path, build: &Build) -> Result<Command> {
    Ok(match runner {
        Runner::Itself => Command::new(program),
        Runner::Through(arguments) => {
            let mut command = Command::new(&arguments[0]);
            command.args(&arguments[1..]).arg(program);
            command
        }
        Runner::Wine => {
            let mut command = wine(build)?;
            command.arg(program);
            command
        }
    })
}

/// Wine with a prefix of its own. Before version 10 it lacks a function that Rust's standard library calls.
fn wine(build: &Build) -> Result<Command> {
    let shim = build
        .tools()
        .path("c-example")
        .join(build.platform().rid)
        .join("bcryptprimitives.dll");
    if !shim.is_file() {
        let mut compiler = zig_cc(build);
        compiler
            .arg("-shared")
            .arg(workspace::root().join("xtask/natives/bcryptprimitives.c"))
            .args(["-ladvapi32", "-o"])
            .arg(&shim);
        tools::run(&mut compiler)?;
    }
    let mut command = Command::new("wine");
    command
        .env("WINEPREFIX", build.tools().path("wine"))
        .env("WINEDEBUG", "-all")
        // Mono and Gecko are looked for at the first start otherwise.
        .env("WINEDLLOVERRIDES", "bcryptprimitives=n;mscoree,mshtml=");
    Ok(command)
}

fn feed(command: &mut Command, input: &str) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} cannot be started"))?;
    let mut stdin = child.stdin.take().context("its input was asked for")?;
    // It may end before it has read everything; its status and its messages say why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Ok(child.wait_with_output()?)
}
