//! A library that lacks something it must have is refused, each for its own reason.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::Command;

use xtask::natives::inspect;
use xtask::{platform, stage};

const SOUND: [&str; 4] = [
    "-nostdlib",
    "-Wl,-z,relro,-z,now",
    "-Wl,-z,noexecstack",
    "-Wl,-soname,libapim_backend_connection.so",
];

/// Compiles a library with the ABI's functions and this beside them.
fn library(directory: &Path, code: &str, options: &[&str]) -> Vec<u8> {
    let (source, library) = (directory.join("library.c"), directory.join("library.so"));
    let functions: String = inspect::functions()
        .unwrap()
        .iter()
        .map(|name| format!("void {name}(void) {{}}\n"))
        .collect();
    fs::write(&source, functions + code).unwrap();
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC"])
        .arg(&source)
        .args(options)
        .arg("-o")
        .arg(&library);
    let output = compiler.output().expect("a C compiler, cc, is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(library).unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let error = format!("{:#}", inspect::inspect(platform::host().unwrap(), bytes).unwrap_err());
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_sound_library_passes_and_each_flaw_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let made = |code: &str, options: &[&str]| library(directory.path(), code, &[&SOUND, options].concat());
    inspect::inspect(platform::host().unwrap(), &made("", &[])).unwrap();
    refused(&made("void more(void) {}", &[]), "\"more\"");
    refused(&made("", &["-Wl,-z,norelro"]), "no RELRO");
    refused(&made("", &["-Wl,-z,lazy"]), "bound late");
    refused(&made("", &["-Wl,-z,execstack"]), "its stack is executable");
    refused(&made("", &["-Wl,-rpath,/opt/lib"]), "rpath");
    refused(&made("", &["-Wl,-soname,other.so"]), "soname");
    refused(
        &made("char large[9 << 20] = {1};", &["-fvisibility=hidden"]),
        "bytes, more than",
    );
    if cfg!(target_arch = "x86_64") {
        let code = "static int there; __attribute__((visibility(\"hidden\"))) int *at(void) { int *p; __asm__(\"movabs $there, %0\" : \"=r\"(p)); return p; }";
        refused(&made(code, &["-Wl,-z,notext"]), "text relocations");
    }
}

/// What `cargo build` makes is for systems like this one.
#[test]
fn a_library_for_this_machine_alone_is_not_one_for_all() {
    let bytes = fs::read(&stage::staged().unwrap().library).unwrap();
    refused(&bytes, "libgcc_s.so.1");
}

#[test]
fn a_library_of_another_system_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = library(directory.path(), "", &SOUND);
    for rid in ["win-x64", "osx-arm64"] {
        inspect::inspect(platform::named(rid).unwrap(), &bytes).unwrap_err();
    }
}
