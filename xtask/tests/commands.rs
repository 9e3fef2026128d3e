//! The commands as a developer runs them.

use std::path::Path;
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments);
    command
}

fn output(command: &mut Command) -> (Output, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

#[test]
fn the_demo_ends_well() {
    let (output, stdout, stderr) = output(&mut xtask(&["demo"]));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(
        stdout.contains("-> 200 x POST .../contoso/backends/*/reconnect"),
        "{stdout}"
    );
    assert!(stdout.ends_with("Everything went as it must.\n"), "{stdout}");
}

#[test]
fn the_demo_without_powershell_shows_resets_says_how_to_get_it_and_fails() {
    let (output, stdout, stderr) = output(xtask(&["demo"]).env("PWSH", "no-such-directory/pwsh"));
    assert!(!output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("200 of 200 resets accepted."), "{stdout}");
    assert!(
        stderr.contains("no-such-directory/pwsh") && stderr.contains("7.4 or later"),
        "{stderr}"
    );
}

#[test]
fn staging_at_once_from_several_processes_gives_whole_modules() {
    let started: Vec<_> = (0..3)
        .map(|_| xtask(&["stage"]).stdout(std::process::Stdio::piped()).spawn().unwrap())
        .collect();
    for process in started {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        let modules = String::from_utf8(output.stdout).unwrap();
        let module = Path::new(modules.trim()).join(xtask::stage::MAIN_MODULE);
        assert!(module.join(format!("{}.psd1", xtask::stage::MAIN_MODULE)).is_file());
        assert!(xtask::stage::staged().unwrap().library.is_file());
    }
}
