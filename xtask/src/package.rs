//! `cargo xtask package`: one archive for each module, ready to be unpacked and published.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::write::SimpleFileOptions;

use crate::platform::PLATFORMS;
use crate::stage::{self, MAIN_MODULE};
use crate::workspace;

/// Both licenses ask that their text goes with each copy.
const LICENSES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// What was packed.
#[derive(Debug)]
pub struct Package {
    /// The archives.
    pub archives: Vec<PathBuf>,
    /// The platforms whose native library is in.
    pub present: Vec<&'static str>,
    /// The platforms whose native library is not.
    pub missing: Vec<&'static str>,
}

/// Stages the modules and packs them. Only this machine's native library can be built here; those of other platforms
/// are taken from `native`, a directory with `<runtime identifier>/<file>`, as is this machine's if it is there.
pub fn package(native: Option<&Path>) -> Result<Package> {
    let staged = stage::stage()?;
    let brought = native.map(brought_libraries).transpose()?.unwrap_or_default();
    let directory = workspace::target_directory()?.join("package");
    fs::create_dir_all(&directory).with_context(|| format!("{} cannot be created", directory.display()))?;

    let mut archives = Vec::new();
    let mut present = Vec::new();
    for module in modules(&staged.modules)? {
        check_version(&staged.modules, &module)?;
        let base = staged.modules.join(&module);
        let mut files = BTreeMap::new();
        for file in stage::files_below(&base)? {
            files.insert(inside(&module, file.strip_prefix(&base)?), file);
        }
        for license in LICENSES {
            files.insert(format!("{module}/{license}"), workspace::root().join(license));
        }
        if module == MAIN_MODULE {
            let of_platform = |rid: &str, library: &str| format!("{module}/runtimes/{rid}/native/{library}");
            for (rid, file) in &brought {
                let platform = PLATFORMS.iter().find(|platform| platform.rid == *rid);
                let library = platform.context("only known platforms were brought")?.library;
                files.insert(of_platform(rid, library), file.clone());
            }
            present = PLATFORMS
                .iter()
                .filter(|platform| files.contains_key(&of_platform(platform.rid, platform.library)))
                .map(|platform| platform.rid)
                .collect();
        }
        let archive = directory.join(format!("{module}.{}.zip", workspace::version()));
        write(&archive, &files).with_context(|| format!("{} cannot be written", archive.display()))?;
        archives.push(archive);
    }
    let missing = PLATFORMS
        .iter()
        .map(|platform| platform.rid)
        .filter(|rid| !present.contains(rid))
        .collect();
    Ok(Package {
        archives,
        present,
        missing,
    })
}

/// The libraries in a directory of `<runtime identifier>/<file>`. Whatever else is there is an error: a folder with a
/// misspelt name would be left out in silence otherwise.
fn brought_libraries(directory: &Path) -> Result<BTreeMap<&'static str, PathBuf>> {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(directory).with_context(|| format!("{} cannot be read", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        let platform = PLATFORMS
            .iter()
            .find(|platform| path.file_name().is_some_and(|name| name == platform.rid));
        let Some(platform) = platform else {
            bail!(
                "{} is not named for one of the product's platforms ({})",
                path.display(),
                PLATFORMS.map(|platform| platform.rid).join(", ")
            );
        };
        let library = path.join(platform.library);
        if !library.is_file() {
            bail!("{} is not there; {} needs it", library.display(), platform.rid);
        }
        found.insert(platform.rid, library);
    }
    Ok(found)
}

/// The staged modules: the directories that hold a manifest of their own name.
fn modules(directory: &Path) -> Result<Vec<String>> {
    let mut modules = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if manifest(directory, &name).is_file() {
            modules.push(name);
        }
    }
    modules.sort();
    if !modules.iter().any(|module| module == MAIN_MODULE) {
        bail!("powershell/ has no {MAIN_MODULE} with a manifest");
    }
    Ok(modules)
}

fn manifest(directory: &Path, module: &str) -> PathBuf {
    directory.join(module).join(format!("{module}.psd1"))
}

/// Module and library are one product: the module refuses a library that is not its own, so must the package.
fn check_version(directory: &Path, module: &str) -> Result<()> {
    let manifest = manifest(directory, module);
    let text = fs::read_to_string(&manifest).with_context(|| format!("{} cannot be read", manifest.display()))?;
    let version = module_version(&text).with_context(|| format!("{module}.psd1 has no ModuleVersion"))?;
    if version != workspace::version() {
        bail!(
            "{module}.psd1 has ModuleVersion '{version}', Cargo.toml has version '{}'; make them the same",
            workspace::version()
        );
    }
    Ok(())
}

fn module_version(manifest: &str) -> Option<&str> {
    manifest.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "ModuleVersion").then(|| value.trim().trim_matches(['\'', '"']))
    })
}

/// A file's name inside the archive, with the slashes that the format asks for.
fn inside(module: &str, relative: &Path) -> String {
    let parts = relative.iter().map(|part| part.to_string_lossy());
    [module.into()].into_iter().chain(parts).collect::<Vec<_>>().join("/")
}

fn write(archive: &Path, files: &BTreeMap<String, PathBuf>) -> Result<()> {
    let mut zip = zip::ZipWriter::new(BufWriter::new(File::create(archive)?));
    // No time of day in it: the same sources give the same archive.
    let options = SimpleFileOptions::default().unix_permissions(0o644);
    for (name, file) in files {
        zip.start_file(name, options)?;
        zip.write_all(&fs::read(file)?)?;
    }
    zip.finish()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_a_manifest() {
        let manifest =
            "@{\n    # ModuleVersion is the crate's\n    RootModule = 'A.psm1'\n    ModuleVersion     = '1.2.3'\n}";
        assert_eq!(module_version(manifest), Some("1.2.3"));
        assert_eq!(module_version("@{ RootModule = 'A.psm1' }"), None);
    }

    #[test]
    fn a_misspelt_platform_is_an_error() {
        let directory = std::env::temp_dir().join(format!("package-native-{}", std::process::id()));
        fs::create_dir_all(directory.join("linux-amd64")).unwrap();
        let error = brought_libraries(&directory).unwrap_err().to_string();
        assert!(error.contains("linux-amd64") && error.contains("linux-x64"), "{error}");
        fs::remove_dir_all(directory.join("linux-amd64")).unwrap();

        fs::create_dir_all(directory.join("osx-arm64")).unwrap();
        let error = brought_libraries(&directory).unwrap_err().to_string();
        assert!(error.contains("libapim_backend_connection.dylib"), "{error}");
        fs::write(
            directory.join("osx-arm64").join("libapim_backend_connection.dylib"),
            b"",
        )
        .unwrap();
        assert_eq!(
            brought_libraries(&directory).unwrap().into_keys().collect::<Vec<_>>(),
            ["osx-arm64"]
        );
        fs::remove_dir_all(&directory).unwrap();
    }
}
