//! The C and the Python example reset one backend and a fleet, and say what failed.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use xtask::emulator::{self, Emulator, Profile};
use xtask::stage;
use xtask::workspace::{self, target_directory};

#[test]
fn the_c_example_resets_one_and_a_fleet() {
    resets_one_and_a_fleet(&|| Command::new(compile()));
}

#[test]
fn the_python_example_resets_one_and_a_fleet() {
    resets_one_and_a_fleet(&|| {
        let mut command = Command::new(if cfg!(windows) { "python" } else { "python3" });
        command.arg(workspace::root().join("examples").join("reset.py"));
        command
    });
}

fn resets_one_and_a_fleet(example: &dyn Fn() -> Command) {
    let emulator = Emulator::start(Profile::Dev, ["--backends", "300"]).unwrap();

    let one = run(example().arg(emulator::backend_id(7)), &emulator, "");
    assert_eq!(text(&one.stdout), "1 of 1 resets accepted\n", "{one:?}");
    assert!(one.status.success(), "{one:?}");
    assert_eq!(resets(&emulator), 1);

    let ids: String = (1..=300).map(|n| emulator::backend_id(n) + "\n").collect();
    let fleet = run(&mut example(), &emulator, &ids);
    assert_eq!(text(&fleet.stdout), "300 of 300 resets accepted\n", "{fleet:?}");
    assert!(fleet.status.success(), "{fleet:?}");
    assert_eq!(resets(&emulator), 301);

    let ids = [
        emulator::backend_id(1),
        emulator::backend_id("none\"such"),
        "no id".into(),
    ];
    let mixed = run(example().args(ids), &emulator, "");
    assert_eq!(text(&mixed.stdout), "1 of 3 resets accepted\n", "{mixed:?}");
    assert_eq!(mixed.status.code(), Some(1), "{mixed:?}");
    let errors = text(&mixed.stderr);
    assert!(errors.contains("item 1:") && errors.contains("item 2:"), "{errors}");
}

fn run(example: &mut Command, emulator: &Emulator, input: &str) -> Output {
    let library = &stage::staged().unwrap().library;
    let beside = library.parent().unwrap();
    // Where each system's loader looks; Windows takes the library from PATH.
    let (variable, path) = if cfg!(windows) {
        let path = env::var_os("PATH").unwrap_or_default();
        let all = [beside.to_owned()].into_iter().chain(env::split_paths(&path));
        ("PATH", env::join_paths(all).unwrap())
    } else if cfg!(target_os = "macos") {
        ("DYLD_LIBRARY_PATH", beside.into())
    } else {
        ("LD_LIBRARY_PATH", beside.into())
    };
    let program = example.get_program().to_owned();
    let mut child = example
        .envs(emulator.environment())
        .env("APIM_BACKEND_CONNECTION_LIBRARY", library)
        .env(variable, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{program:?} cannot be started: {error}. Is it installed? The example needs it.")
        });
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn resets(emulator: &Emulator) -> usize {
    emulator
        .journal()
        .unwrap()
        .iter()
        .filter(|request| request.method == "POST" && request.status == Some(202))
        .count()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

fn compile() -> PathBuf {
    let root = workspace::root();
    let library = &stage::staged().unwrap().library;
    let directory = target_directory().unwrap().join("examples-c");
    fs::create_dir_all(&directory).unwrap();
    let program = directory.join(format!("reset{}", env::consts::EXE_SUFFIX));
    let target = format!("{}-{}", env::consts::ARCH, triple_end());
    let compiler = cc::Build::new()
        .cargo_metadata(false)
        .cargo_warnings(false)
        .target(&target)
        .host(&target)
        .opt_level(1)
        .debug(false)
        .out_dir(&directory)
        .get_compiler();
    let mut command = compiler.to_command();
    command.current_dir(&directory);
    let source = root.join("examples").join("reset.c");
    let include = root.join("include");
    if compiler.is_like_msvc() {
        // The import library lies beside the DLL that Cargo built, not in the staged module.
        let import = target_directory()
            .unwrap()
            .join("release")
            .join("apim_backend_connection.dll.lib");
        command
            .args(["/nologo", "/W4", "/WX"])
            .arg(&source)
            .arg(join("/I", &include))
            .arg(import);
        command.arg(join("/Fe", &program));
    } else {
        command
            .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .arg(&source);
        command
            .arg(join("-I", &include))
            .arg(join("-L", library.parent().unwrap()));
        command.args(["-lapim_backend_connection", "-o"]).arg(&program);
    }
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "The C compiler {:?} cannot be started: {error}. Install one (gcc, clang or MSVC).",
            compiler.path()
        )
    });
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    program
}

fn triple_end() -> &'static str {
    if cfg!(windows) {
        "pc-windows-msvc"
    } else if cfg!(target_os = "macos") {
        "apple-darwin"
    } else {
        "unknown-linux-gnu"
    }
}

fn join(option: &str, path: &Path) -> std::ffi::OsString {
    let mut joined = OsStr::new(option).to_owned();
    joined.push(path);
    joined
}
