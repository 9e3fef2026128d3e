//! The crates that are in the native libraries, from Cargo's resolution.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use serde::Deserialize;

use crate::platform::PLATFORMS;
use crate::workspace;

/// A crate from elsewhere that is linked into the library of at least one platform.
#[derive(Debug)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its SPDX license expression.
    pub license: String,
    /// Its authors, as it names them. Often none.
    pub authors: Vec<String>,
    /// What it says of itself.
    pub description: String,
    /// The SHA-256 of its archive on crates.io.
    pub checksum: String,
    /// The names of the dependencies that it uses itself, as `name@version`.
    pub uses: Vec<String>,
    /// The license texts that it ships, by file name.
    pub texts: BTreeMap<String, String>,
}

impl Dependency {
    /// How other dependencies name it.
    pub fn key(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// The dependencies of the library.
#[derive(Debug)]
pub struct Dependencies {
    /// Those that the product's own code uses, as `name@version`.
    pub direct: BTreeSet<String>,
    /// Every one, in order of names.
    pub all: Vec<Dependency>,
}

/// What is linked in. What runs at build time only (build scripts, procedural macros) is not among
/// them. Crates of this workspace count as the product itself.
pub fn dependencies() -> Result<Dependencies> {
    let metadata = metadata()?;
    let checksums = checksums()?;
    let linked = linked(&metadata)?;
    let (mut direct, mut all) = (BTreeSet::new(), Vec::new());
    let own = |id: &PackageId| metadata.workspace_members.contains(id);
    for (id, uses) in &linked {
        let package = &metadata[*id];
        let uses = uses.iter().filter(|id| !own(id));
        let uses = uses.map(|id| format!("{}@{}", metadata[*id].name, metadata[*id].version));
        if own(id) {
            direct.extend(uses);
            continue;
        }
        let license = package
            .license
            .as_deref()
            .with_context(|| format!("{} names no license", package.name))?;
        let version = package.version.to_string();
        let checksum = checksums.get(&(package.name.to_string(), version.clone()));
        all.push(Dependency {
            name: package.name.to_string(),
            // Before SPDX expressions a slash meant what OR means.
            license: license.replace(" / ", " OR ").replace('/', " OR "),
            authors: package.authors.clone(),
            description: package
                .description
                .clone()
                .unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            checksum: checksum
                .with_context(|| format!("Cargo.lock has no checksum of {} {version}", package.name))?
                .clone(),
            uses: uses.collect(),
            texts: license_texts(package)?,
            version,
        });
    }
    all.sort_by_key(Dependency::key);
    Ok(Dependencies { direct, all })
}

fn metadata() -> Result<Metadata> {
    let mut options = vec!["--locked".to_owned()];
    for platform in PLATFORMS {
        options.extend(["--filter-platform".to_owned(), platform.target.to_owned()]);
    }
    let mut command = MetadataCommand::new();
    command.cargo_path(workspace::cargo_program());
    command.current_dir(workspace::root()).other_options(options);
    command.exec().context("cargo metadata failed")
}

/// The packages that are reached from the library over dependencies that are linked in, with what each uses itself.
fn linked(metadata: &Metadata) -> Result<BTreeMap<&PackageId, Vec<&PackageId>>> {
    let resolve = metadata.resolve.as_ref().context("cargo metadata resolved nothing")?;
    let root = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == workspace::LIBRARY_PACKAGE);
    let mut waiting = vec![&root.context("the workspace has the library's package")?.id];
    let mut found = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        if found.contains_key(id) {
            continue;
        }
        let node = resolve
            .nodes
            .iter()
            .find(|node| node.id == *id)
            .context("every package is resolved")?;
        let normal = node.deps.iter().filter(|dependency| {
            let linked = dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal);
            linked
                && !metadata[&dependency.pkg]
                    .targets
                    .iter()
                    .any(|target| target.is_proc_macro())
        });
        let uses: Vec<&PackageId> = normal.map(|dependency| &dependency.pkg).collect();
        waiting.extend(&uses);
        found.insert(id, uses);
    }
    Ok(found)
}

/// The checksums of Cargo.lock, by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(&fs::read_to_string(workspace::root().join("Cargo.lock"))?)?;
    let one = |package: Locked| Some(((package.name, package.version), package.checksum?));
    Ok(lock.package.into_iter().filter_map(one).collect())
}

fn license_texts(package: &Package) -> Result<BTreeMap<String, String>> {
    let directory = package.manifest_path.parent().context("a manifest lies in a folder")?;
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(directory).with_context(|| format!("{directory} cannot be read"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let upper = name.to_ascii_uppercase();
        let is_text = ["LICEN", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT"]
            .iter()
            .any(|start| upper.starts_with(start));
        if is_text && entry.file_type()?.is_file() {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).replace("\r\n", "\n");
            texts.insert(name, text.trim_end().to_owned());
        }
    }
    ensure!(
        !texts.is_empty()
            || package
                .license
                .as_deref()
                .is_some_and(|license| license.contains("MIT")),
        "{} ships no license text, and is not under MIT, whose text is known",
        package.name
    );
    Ok(texts)
}
