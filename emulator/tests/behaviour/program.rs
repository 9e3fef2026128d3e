//! The program `apim-emulator`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

struct Program {
    child: Child,
    url: String,
}

impl Program {
    /// Starts the program, which ends with its standard input, and reads the line by which it says that it listens.
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .arg("--stdin-eof-exits")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut url)
            .expect("a line");
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A test that failed must not leave the program behind; one that has ended cannot be killed, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apim-emulator"));
    command.args(arguments);
    command
}

/// A file of this name that is not there yet.
fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn it_writes_where_it_is_and_ends_with_its_standard_input() {
    let (address, ca) = (file("program-address"), file("program-ca"));
    let path = |path: &PathBuf| path.to_str().expect("plain letters").to_owned();
    let mut program = Program::start(&["--tls", "--ca-out", &path(&ca), "--address-file", &path(&address)]);
    let read = |path: &PathBuf| fs::read_to_string(path).expect("the file is there");
    assert_eq!(read(&address), format!("{}\n", program.url));
    assert!(program.url.starts_with("https://127.0.0.1:"));
    assert!(read(&ca).starts_with("-----BEGIN CERTIFICATE-----"));
    drop(program.child.stdin.take());
    assert!(program.child.wait().expect("an end").success());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let mut program = Program::start(&[]);
        let sent = Command::new("kill")
            .args([signal, &program.child.id().to_string()])
            .status()
            .expect("kill is part of every Unix");
        assert!(sent.success());
        assert_eq!(program.child.wait().expect("an end").code(), Some(0), "{signal}");
    }
}

#[test]
fn bad_options_are_named() {
    for (arguments, part) in [
        (&["--fault-kinds", "200"][..], "'200' is no kind of fault"),
        (&["--fault-rate", "0.5"][..], "a fault rate needs kinds"),
        (&["--write-refill", "0"][..], "a refill of 0"),
        (&["--tls"][..], "--ca-out"),
        (&["--listen", "192.0.2.1:0"][..], "192.0.2.1 is not a loopback address"),
        (&["--address-file", "no/such/folder/file"][..], "no/such/folder/file"),
    ] {
        let output = command(arguments).output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(part), "{arguments:?}: {text}");
    }
}
