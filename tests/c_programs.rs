//! Programs in C and Python use the library through its header: the examples, and some that probe it. On Linux the C
//! programs run once more under valgrind.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use apim_emulator::Config;
use test_support::{Program, TestEmulator, backend_id, library_path, output_of, tool};

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    (text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn assert_success(output: &Output, expected: &str) {
    let (out, err) = said(output);
    assert!(output.status.success(), "{}\n{out}{err}", output.status);
    assert_eq!((out.trim(), err.trim()), (expected, ""));
}

/// Runs a command with lines on its standard input.
fn fed(command: &mut Command, lines: &[String]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", command.get_program().display()));
    let mut input = child.stdin.take().expect("a pipe");
    for line in lines {
        writeln!(input, "{line}").expect("the program reads its input");
    }
    drop(input);
    child.wait_with_output().expect("the program ends")
}

fn tls() -> TestEmulator {
    TestEmulator::start(Config {
        backends: 40,
        tls: true,
        ..Config::default()
    })
}

fn ids(count: u32) -> Vec<String> {
    (1..=count).map(|number| backend_id(1, number)).collect()
}

/// How a reset is asked for: an example as a command, by whatever means it is started.
type Example<'a> = &'a dyn Fn() -> Command;

fn check_example(example: Example<'_>) {
    let emulator = tls();
    let example = || {
        let mut command = example();
        command.envs(emulator.environment());
        command
    };

    let one = output_of(example().arg(backend_id(1, 1)));
    assert_success(&one, "1 of 1 resets accepted");
    let accepted = |sent: &[apim_emulator::JournalEntry]| sent.iter().filter(|entry| entry.status == 202).count();
    assert_eq!(accepted(&emulator.journal()), 1);

    let fleet = fed(&mut example(), &ids(40));
    assert_success(&fleet, "40 of 40 resets accepted");
    assert_eq!(accepted(&emulator.journal()), 41);

    let partly = output_of(example().args([backend_id(1, 2), backend_id(1, "missing"), "nonsense \"\\".to_owned()]));
    let (out, err) = said(&partly);
    assert_eq!(partly.status.code(), Some(1), "{out}{err}");
    assert_eq!(out.trim(), "1 of 3 resets accepted");
    for text in ["item 1", "not found", "item 2", "is not the resource id"] {
        assert!(err.contains(text), "{text} is not in {err}");
    }

    let refused = output_of(example().env("AZAPIM_WINDOW", "none").arg(backend_id(1, 1)));
    let (out, err) = said(&refused);
    assert_eq!(refused.status.code(), Some(2), "{out}{err}");
    assert!(err.contains("AZAPIM_WINDOW"), "{err}");
}

#[test]
fn the_c_example_resets_one_and_a_fleet() {
    let program = Program::compile("examples/reset.c");
    check_example(&|| program.command());
}

#[test]
fn the_python_example_resets_one_and_a_fleet() {
    let python = tool("python3", "https://www.python.org/downloads, or apt install python3");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/reset.py");
    check_example(&|| {
        let mut command = Command::new(&python);
        command
            .arg(script)
            .env("APIM_BACKEND_CONNECTION_LIBRARY", library_path());
        command
    });
}

#[test]
fn the_fleet_program_accounts_for_every_item() {
    let emulator = tls();
    let output = output_of(
        Program::compile("tests/abi/fleet.c")
            .command()
            .envs(emulator.environment())
            .args([backend_id(1, ""), "40".to_owned()]),
    );
    assert_success(&output, "40 of 40 succeeded");
}

#[test]
fn the_misuse_program_gets_a_status_each_time() {
    let output = output_of(&mut Program::compile("tests/abi/misuse.c").command());
    assert_success(&output, "every misuse was answered");
}

#[cfg(unix)]
#[test]
fn a_forked_child_is_told_that_it_cannot_go_on() {
    let output = output_of(&mut Program::compile("tests/abi/fork.c").command());
    assert_success(&output, "the children were told");
}

#[cfg(target_os = "linux")]
mod valgrind {
    use super::*;

    /// Plain HTTP: memcheck does not follow ring's AES-GCM, written in assembly, and takes what it writes for unset.
    fn plain() -> TestEmulator {
        TestEmulator::with_backends(40)
    }

    #[test]
    fn finds_nothing_in_the_c_example() {
        let emulator = plain();
        let program = Program::compile("examples/reset.c");
        let output = fed(program.command_in_valgrind().envs(emulator.environment()), &ids(40));
        assert_success(&output, "40 of 40 resets accepted");
    }

    #[test]
    fn finds_nothing_in_the_fleet_program() {
        let emulator = plain();
        let output = output_of(
            Program::compile("tests/abi/fleet.c")
                .command_in_valgrind()
                .envs(emulator.environment())
                .args([backend_id(1, ""), "40".to_owned()]),
        );
        assert_success(&output, "40 of 40 succeeded");
    }

    #[test]
    fn finds_nothing_in_the_misuse_program() {
        let output = output_of(&mut Program::compile("tests/abi/misuse.c").command_in_valgrind());
        assert_success(&output, "every misuse was answered");
    }
}
