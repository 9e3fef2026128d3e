//! The commands as a developer runs them.

use std::fs;
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

#[test]
fn a_package_has_the_module_and_the_libraries_that_were_brought() {
    let brought = std::env::temp_dir().join(format!("brought-{}", std::process::id()));
    let library = if cfg!(windows) {
        "linux-x64/libapim_backend_connection.so"
    } else {
        "win-x64/apim_backend_connection.dll"
    };
    fs::create_dir_all(brought.join(library).parent().unwrap()).unwrap();
    fs::write(brought.join(library), b"a library of another platform").unwrap();

    let (result, stdout, stderr) = output(xtask(&["package", "--native"]).arg(&brought));
    fs::remove_dir_all(&brought).unwrap();
    assert!(result.status.success(), "{stderr}");
    let host = xtask::platform::host().unwrap().rid;
    let listed = stdout
        .lines()
        .find(|line| line.starts_with("native libraries:"))
        .unwrap();
    assert!(
        listed.contains(host) && listed.contains(library.split('/').next().unwrap()),
        "{stdout}"
    );

    let name = format!("{}.{}.zip", xtask::stage::MAIN_MODULE, xtask::workspace::version());
    let archive = stdout.lines().find(|line| line.ends_with(&name)).unwrap();
    let mut archive = zip::ZipArchive::new(fs::File::open(archive).unwrap()).unwrap();
    let main = xtask::stage::MAIN_MODULE;
    for file in [
        format!("{main}/{main}.psd1"),
        format!("{main}/LICENSE-MIT"),
        format!("{main}/LICENSE-APACHE"),
        format!("{main}/runtimes/{}", library.replace('/', "/native/")),
    ] {
        assert!(archive.by_name(&file).is_ok(), "{file} is not in the archive");
    }
}
