//! What `cargo xtask package` makes, used as its users use it, with tools that are not ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use xtask::emulator::{Emulator, Profile, backend_id};
use xtask::stage::MAIN_MODULE;
use xtask::workspace::version;
use xtask::{platform, pwsh};

const STANDALONE: &str = "AzApiManagement.Standalone";
const PROJECT: &str = "https://project.example/repository";

/// The packages with this machine's library alone, made once for all tests.
fn packages() -> &'static Path {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    MADE.get_or_init(make).path()
}

fn make() -> tempfile::TempDir {
    let made = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["package", "--project-uri", PROJECT, "--output"])
        .arg(made.path());
    succeed(command.arg("--native").arg(empty.path()));
    made
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

#[track_caller]
fn succeed(command: &mut Command) -> String {
    let output: Output = command
        .output()
        .unwrap_or_else(|error| panic!("{:?} cannot be started, install it: {error}", command.get_program()));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}{stderr}",
        output.status
    );
    stdout
}

/// Unpacks a zip archive with Python's reader.
fn unzip(archive: &Path, to: &Path) {
    succeed(
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .args([archive, to]),
    );
}

/// Installs both modules with NuGet's own client, into folders as Install-PSResource has them.
#[cfg(target_os = "linux")]
fn install_both(modules: &Path) {
    let home = tempfile::tempdir().unwrap();
    let mut nuget = Command::new("nuget");
    nuget
        .args(["install", STANDALONE, "-OutputDirectory"])
        .arg(home.path())
        .arg("-Source")
        .arg(packages());
    // Its settings and its cache of packages by name and version.
    succeed(
        nuget
            .env("HOME", home.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME"),
    );
    for module in [MAIN_MODULE, STANDALONE] {
        let name = format!("{module}.{}", version());
        let installed = home.path().join(&name);
        fs::remove_file(installed.join(format!("{name}.nupkg"))).unwrap();
        fs::create_dir_all(modules.join(module)).unwrap();
        succeed(
            Command::new("mv")
                .arg(installed)
                .arg(modules.join(module).join(version())),
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn install_both(modules: &Path) {
    install(MAIN_MODULE, modules);
    install(STANDALONE, modules);
}

/// Installs a module's package as Install-PSResource does: its files, without the parts that are NuGet's.
fn install(module: &str, modules: &Path) -> PathBuf {
    let to = modules.join(module).join(version());
    fs::create_dir_all(&to).unwrap();
    unzip(&packages().join(format!("{module}.{}.nupkg", version())), &to);
    for part in ["_rels", "package"] {
        fs::remove_dir_all(to.join(part)).unwrap();
    }
    for part in ["[Content_Types].xml".to_owned(), format!("{module}.nuspec")] {
        fs::remove_file(to.join(part)).unwrap();
    }
    to
}

/// A PowerShell of a user whose home folder holds nothing but the modules.
fn powershell(home: &Path, script: &str) -> Command {
    let mut command = pwsh::find().unwrap().command();
    command
        .env_remove("PSModulePath")
        .env_remove("XDG_DATA_HOME")
        .env("HOME", home)
        .env("USERPROFILE", home)
        .args(["-Command", script]);
    command
}

fn module_folder(home: &Path) -> PathBuf {
    if cfg!(windows) {
        home.join(r"Documents\PowerShell\Modules")
    } else {
        home.join(".local/share/powershell/Modules")
    }
}

#[test]
fn a_user_who_installs_the_packages_resets_a_backend() {
    let home = tempfile::tempdir().unwrap();
    let modules = module_folder(home.path());
    install_both(&modules);
    let emulator = Emulator::start(Profile::Dev, ["--backends", "3"]).unwrap();
    let script = format!(
        "$ErrorActionPreference = 'Stop'
        $context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso
        Get-AzApiManagementBackend -Context $context | Reset-AzApiManagementBackendConnection
        (Get-Module {MAIN_MODULE}).Path"
    );
    let stdout = succeed(powershell(home.path(), &script).envs(emulator.environment()));
    assert_eq!(
        Path::new(stdout.trim()).parent(),
        Some(modules.join(MAIN_MODULE).join(version()).as_path())
    );
    let accepted = emulator
        .journal()
        .unwrap()
        .iter()
        .filter(|request| request.status == Some(202))
        .count();
    assert_eq!(accepted, 3);
}

#[test]
fn the_manifest_lists_the_files_and_says_what_galleries_show() {
    for module in [MAIN_MODULE, STANDALONE] {
        let home = tempfile::tempdir().unwrap();
        let folder = install(module, home.path());
        let manifest = folder.join(format!("{module}.psd1"));
        let script = format!(
            "$manifest = Import-PowerShellDataFile '{}'
            $manifest.ModuleVersion; $manifest.PrivateData.PSData.LicenseUri; $manifest.PrivateData.PSData.ProjectUri
            $manifest.PrivateData.PSData.ReleaseNotes.Contains('### Added'); $manifest.FileList",
            manifest.display()
        );
        let stdout = succeed(&mut powershell(home.path(), &script));
        let lines: Vec<&str> = stdout.lines().collect();
        assert_eq!(
            lines[..4],
            [
                version(),
                "https://licenses.nuget.org/MIT%20OR%20Apache-2.0",
                PROJECT,
                "True"
            ]
        );
        let listed: BTreeSet<PathBuf> = lines[4..].iter().map(|name| folder.join(name)).collect();
        assert_eq!(listed, files_below(&folder).into_iter().collect());
        for file in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(listed.contains(&folder.join(file)), "{module} lacks {file}");
        }
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect()
}

/// An XML reader that is not ours finds the metadata where NuGet has it, and a type for every part.
#[test]
fn the_nuget_package_describes_the_module_and_each_of_its_parts() {
    let script = r#"
import sys, zipfile, xml.etree.ElementTree as xml
package = zipfile.ZipFile(sys.argv[1])
assert package.testzip() is None
relationships = xml.fromstring(package.read('_rels/.rels'))
targets = [relationship.get('Target').lstrip('/') for relationship in relationships]
assert all(target in package.namelist() for target in targets), targets
nuspec = [target for target in targets if target.endswith('.nuspec')]
metadata = xml.fromstring(package.read(nuspec[0]))[0]
types = xml.fromstring(package.read('[Content_Types].xml'))
extensions = {one.get('Extension') for one in types if one.get('Extension')}
names = {one.get('PartName') for one in types if one.get('PartName')}
for name in package.namelist():
    file = name.rsplit('/')[-1]
    typed = '/' + name in names or '.' in file and file.rsplit('.')[-1] in extensions or name == '[Content_Types].xml'
    assert typed, name
for element in metadata:
    name = element.tag.split('}')[1]
    if name == 'dependencies':
        print('dependency', element[0].get('id'), element[0].get('version'))
    elif name != 'releaseNotes':
        print(name, element.text)
"#;
    let read = |module: &str| {
        let package = packages().join(format!("{module}.{}.nupkg", version()));
        succeed(Command::new("python3").args(["-c", script]).arg(package))
    };
    let main = read(MAIN_MODULE);
    for line in [
        format!("id {MAIN_MODULE}"),
        format!("version {}", version()),
        format!("projectUrl {PROJECT}"),
        "requireLicenseAcceptance false".to_owned(),
    ] {
        assert!(main.lines().any(|found| found == line), "{line} is not in\n{main}");
    }
    let tags = main.lines().find(|line| line.starts_with("tags PSModule ")).unwrap();
    assert!(
        tags.contains(" PSCommand_Reset-AzApiManagementBackendConnection"),
        "{tags}"
    );
    let standalone = read(STANDALONE);
    let dependency = format!("dependency {MAIN_MODULE} [{}]", version());
    assert!(standalone.lines().any(|line| line == dependency), "{standalone}");
}

#[cfg(unix)]
#[test]
fn a_c_program_is_built_and_run_from_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let name = format!(
        "apim-backend-connection-{}-{}",
        version(),
        platform::host().unwrap().rid
    );
    succeed(
        Command::new("tar")
            .arg("-xzf")
            .arg(packages().join(format!("{name}.tar.gz")))
            .arg("-C")
            .arg(folder.path()),
    );
    let folder = folder.path().join(name);
    let flags = succeed(
        Command::new("pkg-config")
            .args(["--cflags", "--libs", "apim-backend-connection"])
            .env("PKG_CONFIG_PATH", folder.join("lib/pkgconfig")),
    );
    let program = folder.join("reset");
    let mut compiler = Command::new("cc");
    compiler
        .arg(folder.join("examples/reset.c"))
        .args(flags.split_whitespace());
    succeed(
        compiler
            .arg(format!("-Wl,-rpath,{}", folder.join("lib").display()))
            .arg("-o")
            .arg(&program),
    );
    let emulator = Emulator::start(Profile::Dev, ["--backends", "1"]).unwrap();
    let mut command = Command::new(program);
    // Cargo's, which leads to the library of its own last build.
    command
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("DYLD_FALLBACK_LIBRARY_PATH");
    let stdout = succeed(command.arg(backend_id(1)).envs(emulator.environment()));
    assert_eq!(stdout.trim(), "1 of 1 resets accepted");
}

#[test]
fn the_checksums_are_those_of_the_files_and_the_same_each_time() {
    let sums = fs::read_to_string(packages().join("SHA256SUMS")).unwrap();
    assert_eq!(sums, fs::read_to_string(make().path().join("SHA256SUMS")).unwrap());
    let script = "import sys, hashlib; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())";
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(
            succeed(Command::new("python3").args(["-c", script]).arg(packages().join(name))).trim(),
            sum,
            "{name}"
        );
    }
    let named: BTreeSet<&str> = sums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    let there = fs::read_dir(packages())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let there: BTreeSet<String> = there
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        there,
        named.into_iter().chain(["SHA256SUMS"]).map(str::to_owned).collect()
    );
}

#[test]
fn notices_and_bill_of_materials_name_what_is_linked_in_and_nothing_else() {
    let sbom = packages().join(format!("apim-backend-connection-{}.cdx.json", version()));
    let sbom: serde_json::Value = serde_json::from_slice(&fs::read(sbom).unwrap()).unwrap();
    let named: BTreeSet<&str> = sbom["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    // One that every platform has, one of Windows, one of macOS; a build script's, a macro, one of the tests, our own.
    for name in ["rustls", "windows-sys", "security-framework"] {
        assert!(named.contains(name), "{name} is missing");
    }
    for name in ["cc", "serde_derive", "libtest-mimic", "apim-backend-connection-core"] {
        assert!(!named.contains(name), "{name} is not linked in");
    }
    let notices = packages()
        .join(MAIN_MODULE)
        .join(version())
        .join("THIRD-PARTY-NOTICES.txt");
    let notices = fs::read_to_string(notices).unwrap();
    for name in named {
        assert!(notices.contains(&format!("\n{name} ")), "{name} is not in the notices");
    }
    assert!(notices.contains("Permission is hereby granted") && notices.contains("Apache License"));
}
