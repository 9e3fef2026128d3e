//! The module looks for its library under the same names as the packages have it.

use std::path::Path;

use xtask::{platform, pwsh, stage};

/// What the module says of a library that is not there, where .NET gives itself this runtime identifier.
fn looked_for(runtime: &str) -> String {
    let modules = tempfile::tempdir().unwrap();
    let module = modules.path().join(stage::MAIN_MODULE);
    let staged = stage::staged().unwrap().modules.join(stage::MAIN_MODULE);
    copy_without_libraries(&staged, &module);
    let script = format!(
        "[AppDomain]::CurrentDomain.SetData('RUNTIME_IDENTIFIER', '{runtime}')
        Import-Module '{}'
        try {{
            [pscustomobject] @{{ BackendId = '1' }} | Reset-AzApiManagementBackendConnection -Context $(
                [pscustomobject] @{{ PSTypeName = 'Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementContext'
                    ResourceGroupName = 'group'; ServiceName = 'service' }})
        }} catch {{ $_.FullyQualifiedErrorId; $_.Exception.Message }}",
        module.display()
    );
    let mut command = pwsh::find().unwrap().command();
    let output = command
        .args(["-Command", &script])
        .env_remove("AZAPIM_NATIVE_LIBRARY")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn copy_without_libraries(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "runtimes" => {}
            true => copy_without_libraries(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_module_tells_musl_from_glibc() {
    let host = platform::host().unwrap();
    let processor = host.rid.rsplit('-').next().unwrap();
    for (runtime, folder) in [
        ("linux-x64", "linux"),
        ("ubuntu.24.04-x64", "linux"),
        ("rhel.9-arm64", "linux"),
        ("linux-musl-x64", "linux-musl"),
        ("alpine.3.21-arm64", "linux-musl"),
    ] {
        let rid = format!("{folder}-{processor}");
        let library = platform::named(&rid).unwrap().library;
        let said = looked_for(runtime);
        assert!(said.contains("NativeLibraryNotFound"), "{runtime}: {said}");
        assert!(
            said.contains(&format!("runtimes/{rid}/native/{library}")),
            "{runtime}: {said}"
        );
    }
}

/// This machine has one of the eight; the others' names are at least written as the packages have them.
#[test]
fn the_module_knows_every_name_of_the_table() {
    let staged = stage::staged().unwrap().modules.join(stage::MAIN_MODULE);
    let source = std::fs::read_to_string(staged.join("Engine.ps1")).unwrap();
    for platform in platform::PLATFORMS {
        assert!(
            source.contains(&format!("native/{}", platform.library))
                || source.contains(&format!(r"native\{}", platform.library))
        );
        let (system, processor) = platform.rid.rsplit_once('-').unwrap();
        assert!(source.contains(&format!("'{processor}'")), "{}", platform.rid);
        assert!(
            source.contains(&format!("'{system}'")) || source.contains(&format!("{system}-$processor")),
            "{}",
            platform.rid
        );
    }
}
