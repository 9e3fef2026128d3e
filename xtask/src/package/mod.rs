//! `cargo xtask package`: everything that a release consists of, in `target/package/`. For each module the folder as it
//! is installed, a zip of it and a NuGet package; for C an archive for each platform; the bill of materials and the
//! checksums.

mod archive;
mod dependencies;
mod manifest;
mod notices;
mod nupkg;
mod sbom;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use self::archive::Files;
use self::manifest::Manifest;
use crate::natives::{self, inspect};
use crate::platform::{self, PLATFORMS, Platform};
use crate::stage::{self, MAIN_MODULE};
use crate::{header, workspace};

/// Both licenses ask that their text goes with each copy.
const LICENSES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// NuGet's own page for the license expression.
const LICENSE_URI: &str = "https://licenses.nuget.org/MIT%20OR%20Apache-2.0";

/// Options of the command.
#[derive(Debug, Args)]
pub struct Options {
    /// Take the native libraries from here: DIR/<runtime identifier>/<library>. Default: target/natives/.
    #[arg(long, value_name = "DIR")]
    native: Option<PathBuf>,
    /// The address of the project, which galleries show. Default: `repository` in Cargo.toml.
    #[arg(long, value_name = "URI")]
    project_uri: Option<String>,
    /// Where the packages go, in a folder that is emptied first. Default: target/package/.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// What was packed.
#[derive(Debug)]
pub struct Package {
    /// The files of the release.
    pub files: Vec<PathBuf>,
    /// The platforms whose native library is in.
    pub present: Vec<&'static str>,
    /// The platforms whose native library is not.
    pub missing: Vec<&'static str>,
    /// What the user may want to do before publishing.
    pub remarks: Vec<String>,
}

/// A platform's library and what goes with it for C programs.
struct Library {
    library: Vec<u8>,
    import_library: Option<(String, Vec<u8>)>,
}

/// Packs the modules with the native libraries that are there.
pub fn package(options: &Options) -> Result<Package> {
    let staged = stage::stage()?;
    let mut remarks = Vec::new();
    let default = natives::directory()?;
    let mut libraries = match &options.native {
        Some(directory) => libraries(directory)?,
        None if default.is_dir() => libraries(&default)?,
        None => BTreeMap::new(),
    };
    let host = platform::host()?.rid;
    if !libraries.contains_key(host) {
        remarks.push(format!("{host} is this machine's own build, for systems like it; `cargo xtask natives {host}` builds the one for release"));
        let library = fs::read(&staged.library)?;
        libraries.insert(
            host,
            Library {
                library,
                import_library: None,
            },
        );
    }

    let project = options
        .project_uri
        .clone()
        .or_else(|| Some(env!("CARGO_PKG_REPOSITORY").to_owned()).filter(|uri| !uri.is_empty()));
    if project.is_none() {
        remarks.push("ProjectUri is not set; give --project-uri, or `repository` in Cargo.toml".into());
    }
    let mut shown = vec![("LicenseUri", LICENSE_URI.to_owned())];
    shown.extend(project.map(|uri| ("ProjectUri", uri)));
    shown.push(("ReleaseNotes", release_notes()?));

    let dependencies = dependencies::dependencies()?;
    let mut licenses = Files::new();
    for license in LICENSES {
        licenses.insert(license.to_owned(), fs::read(workspace::root().join(license))?);
    }
    // What goes with every native library.
    let mut legal = licenses.clone();
    legal.insert(
        "THIRD-PARTY-NOTICES.txt".into(),
        notices::notices(&dependencies)?.into_bytes(),
    );
    let sbom = serde_json::to_vec_pretty(&sbom::sbom(&dependencies))?;

    let directory = match &options.output {
        Some(directory) => directory.clone(),
        None => workspace::target_directory()?.join("package"),
    };
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("{} cannot be emptied", directory.display()))?;
    }
    let version = workspace::version();
    let mut release = Files::new();
    for module in modules(&staged.modules)? {
        let mut files = module_files(&staged.modules.join(&module))?;
        files.extend(licenses.clone());
        if module == MAIN_MODULE {
            files.extend(legal.clone());
            for (rid, library) in &libraries {
                let name = platform::named(rid)?.library;
                files.insert(format!("runtimes/{rid}/native/{name}"), library.library.clone());
            }
            files.insert("sbom.cdx.json".into(), sbom.clone());
        }
        let manifest = complete(&module, &mut files, &shown)?;
        release.insert(
            format!("{module}.{version}.nupkg"),
            nupkg::nupkg(&module, &manifest, &files)?,
        );
        let installed: Files = files
            .into_iter()
            .map(|(name, bytes)| (format!("{module}/{version}/{name}"), bytes))
            .collect();
        write(&directory, &installed)?;
        release.insert(format!("{module}.{version}.zip"), archive::zip(&[], &installed)?);
    }
    for (rid, library) in &libraries {
        let platform = platform::named(rid)?;
        let name = format!("apim-backend-connection-{version}-{rid}");
        let files = c_files(&name, platform, library, &legal)?;
        let (extension, bytes) = match platform.os {
            "windows" => ("zip", archive::zip(&[], &files)?),
            _ => ("tar.gz", archive::tar_gz(&files)?),
        };
        release.insert(format!("{name}.{extension}"), bytes);
    }
    release.insert(format!("apim-backend-connection-{version}.cdx.json"), sbom);
    let sums: String = release
        .iter()
        .map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes)))
        .collect();
    release.insert("SHA256SUMS".into(), sums.into_bytes());
    write(&directory, &release)?;

    let (present, missing) = PLATFORMS
        .map(|platform| platform.rid)
        .into_iter()
        .partition(|rid| libraries.contains_key(rid));
    Ok(Package {
        files: release.into_keys().map(|name| directory.join(name)).collect(),
        present,
        missing,
        remarks,
    })
}

/// The libraries in a directory of `<runtime identifier>/<file>`. Whatever else is there is an error: a folder with a
/// misspelt name would be left out in silence otherwise, and a library that was built for something else packed.
fn libraries(directory: &Path) -> Result<BTreeMap<&'static str, Library>> {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(directory).with_context(|| format!("{} cannot be read", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let platform = platform::named(&name).with_context(|| format!("{} cannot be packed", path.display()))?;
        let file = path.join(platform.library);
        let library = fs::read(&file).with_context(|| format!("{} cannot be read; {name} needs it", file.display()))?;
        inspect::inspect(platform, &library).with_context(|| format!("{} cannot be packed", file.display()))?;
        let import_library = platform::IMPORT_LIBRARIES
            .into_iter()
            .find_map(|name| Some((name.to_owned(), fs::read(path.join(name)).ok()?)));
        found.insert(
            platform.rid,
            Library {
                library,
                import_library,
            },
        );
    }
    Ok(found)
}

/// The staged modules: the directories that hold a manifest of their own name.
fn modules(directory: &Path) -> Result<Vec<String>> {
    let mut modules = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if directory.join(&name).join(format!("{name}.psd1")).is_file() {
            modules.push(name);
        }
    }
    modules.sort();
    ensure!(
        modules.iter().any(|module| module == MAIN_MODULE),
        "powershell/ has no {MAIN_MODULE} with a manifest"
    );
    Ok(modules)
}

/// A staged module's files, without the native library of this machine.
fn module_files(base: &Path) -> Result<Files> {
    let mut files = Files::new();
    for file in stage::files_below(base)? {
        let parts = file.strip_prefix(base)?.iter().map(|part| part.to_string_lossy());
        let name = parts.collect::<Vec<_>>().join("/");
        if !name.starts_with("runtimes/") {
            files.insert(name, fs::read(&file)?);
        }
    }
    Ok(files)
}

/// Completes the manifest among a module's files, and gives it.
fn complete(module: &str, files: &mut Files, shown: &[(&'static str, String)]) -> Result<Manifest> {
    let name = format!("{module}.psd1");
    let source = files.get(&name).with_context(|| format!("{module} has no manifest"))?;
    let manifest = Manifest::new(module, std::str::from_utf8(source)?, shown.to_vec());
    let version = workspace::version();
    let found = manifest.value("ModuleVersion")?;
    let required = manifest.required_modules()?;
    // The module refuses a library that is not its own, and its functions are private to one version.
    if found != version || required.iter().any(|(_, required)| required != version) {
        bail!("{name} is not of version {version}; `cargo xtask version {version}` makes every part the same");
    }
    let text = manifest.complete(files.keys())?;
    files.insert(name, text.into_bytes());
    Ok(manifest)
}

/// The changelog's section about this version.
fn release_notes() -> Result<String> {
    let text = fs::read_to_string(workspace::root().join("CHANGELOG.md"))?.replace("\r\n", "\n");
    notes_of(&text, workspace::version())
}

fn notes_of(changelog: &str, version: &str) -> Result<String> {
    let mut sections = changelog.split("\n## ").skip(1);
    let about = |section: &&str| {
        let heading = section.lines().next().unwrap_or_default();
        heading
            .split([' ', '[', ']', '(', ')', ':'])
            .any(|word| word == version)
    };
    let section = sections
        .find(about)
        .with_context(|| format!("CHANGELOG.md has no section about {version}"))?;
    Ok(section.split_once('\n').map_or("", |(_, text)| text).trim().to_owned())
}

/// What a C program needs, in one folder that works wherever it lies.
fn c_files(folder: &str, platform: &Platform, library: &Library, legal: &Files) -> Result<Files> {
    let root = workspace::root();
    let mut files = legal.clone();
    files.insert("include/apim_backend_connection.h".into(), fs::read(header::path())?);
    files.insert("examples/reset.c".into(), fs::read(root.join("examples/reset.c"))?);
    files.insert("abi.md".into(), fs::read(root.join("docs/abi.md"))?);
    // Windows looks for DLLs beside programs, and linkers for the others in lib.
    let place = if platform.os == "windows" { "bin" } else { "lib" };
    files.insert(format!("{place}/{}", platform.library), library.library.clone());
    if let Some((name, bytes)) = &library.import_library {
        files.insert(format!("lib/{name}"), bytes.clone());
    }
    let pc = format!(
        "prefix=${{pcfiledir}}/../..\nlibdir=${{prefix}}/lib\nincludedir=${{prefix}}/include\n\nName: apim-backend-connection\n\
         Description: Resets backend connections of Azure API Management gateways\nVersion: {}\nLibs: -L${{libdir}} -lapim_backend_connection\n\
         Cflags: -I${{includedir}}\n",
        workspace::version()
    );
    files.insert("lib/pkgconfig/apim-backend-connection.pc".into(), pc.into_bytes());
    Ok(files
        .into_iter()
        .map(|(name, bytes)| (format!("{folder}/{name}"), bytes))
        .collect())
}

fn write(directory: &Path, files: &Files) -> Result<()> {
    for (name, bytes) in files {
        let file = directory.join(name);
        fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
        fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notes_of_a_version_are_its_section_of_the_changelog() {
        let changelog =
            "# Changelog\n\n## 0.10.0 (2026-01-01)\n\nten\n\n## [0.1.0]\n\n### Added\n- one\n\n## 0.0.1\n\nold\n";
        assert_eq!(notes_of(changelog, "0.1.0").unwrap(), "### Added\n- one");
        assert_eq!(notes_of(changelog, "0.10.0").unwrap(), "ten");
        assert!(notes_of(changelog, "0.2.0").unwrap_err().to_string().contains("0.2.0"));
    }

    #[test]
    fn only_libraries_of_the_product_are_packed() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |what: &str| {
            let error = format!("{:#}", libraries(directory.path()).err().expect("it is refused"));
            assert!(error.contains(what), "{error}");
        };
        fs::create_dir(directory.path().join("linux-amd64")).unwrap();
        refused("linux-amd64 is not one of the product's platforms (linux-x64");
        fs::remove_dir(directory.path().join("linux-amd64")).unwrap();

        let macos = directory.path().join("osx-arm64");
        fs::create_dir(&macos).unwrap();
        refused("libapim_backend_connection.dylib cannot be read");
        fs::write(macos.join("libapim_backend_connection.dylib"), b"something else").unwrap();
        refused("libapim_backend_connection.dylib cannot be packed");
    }
}
