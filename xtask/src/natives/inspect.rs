//! What a built library must be, read from the file itself: it exports the ABI and nothing else, needs nothing that its
//! systems may not have, is hardened, and says nothing of the machine that built it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::read::macho::MachOFile64;
use object::read::pe::{ImageOptionalHeader, PeFile64};
use object::{Endianness, FileFlags, Object, ObjectSection, ObjectSegment, elf, macho, pe};

use crate::header;
use crate::platform::{Libc, OLDEST_GLIBC, Platform};

/// The most that a library may take, in bytes. The package has eight.
const LARGEST: usize = 8 << 20;

/// Where cargo-auditable puts the list of dependencies.
const AUDIT_SECTIONS: [&str; 2] = [".dep-v0", "__DATA,.dep-v0"];

/// What a user may want to know of a library.
#[derive(Debug)]
pub struct Facts {
    /// Its length in bytes.
    pub size: usize,
    /// The newest version of glibc that it asks for.
    pub glibc: Option<String>,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.size as f64 / f64::from(1 << 20))?;
        match &self.glibc {
            Some(version) => write!(f, ", glibc {version} or later"),
            None => Ok(()),
        }
    }
}

/// Checks a library. The error says what it must not be.
pub fn inspect(platform: &Platform, bytes: &[u8]) -> Result<Facts> {
    ensure!(
        bytes.len() <= LARGEST,
        "it has {} bytes, more than {LARGEST}; see what grew, or raise the limit",
        bytes.len()
    );
    let file = object::File::parse(bytes)?;
    let (expected, found) = (functions()?, exports(&file)?);
    ensure!(
        expected == found,
        "it should export {expected:?} and nothing else, and exports {} symbols: {:?}",
        found.len(),
        found.symmetric_difference(&expected).take(20).collect::<Vec<_>>()
    );
    for segment in file.segments() {
        let permissions = segment.permissions();
        ensure!(
            !(permissions.writable() && permissions.executable()),
            "a segment can be written and executed"
        );
    }
    let glibc = match platform.os {
        "linux" => inspect_elf(platform, bytes)?,
        "windows" => inspect_pe(bytes).map(|()| None)?,
        _ => inspect_macho(bytes).map(|()| None)?,
    };
    Ok(Facts {
        size: bytes.len(),
        glibc,
    })
}

/// Fails when cargo-auditable has put no list of dependencies into the library.
pub fn has_audit_data(bytes: &[u8]) -> Result<()> {
    let file = object::File::parse(bytes)?;
    let section = AUDIT_SECTIONS
        .iter()
        .find_map(|name| file.section_by_name(name.rsplit(',').next().unwrap_or(name)));
    ensure!(
        section.is_some_and(|section| section.size() > 0),
        "it has no list of its dependencies (cargo-auditable)"
    );
    Ok(())
}

/// Fails when a path of the machine that built the library is in it.
pub fn names_no_path(bytes: &[u8], paths: &[(PathBuf, String)]) -> Result<()> {
    let homes = std::env::home_dir().map(|home| home.join(".cargo"));
    for path in paths.iter().map(|(path, _)| path).chain(&homes) {
        let text = path.to_string_lossy();
        let wanted = text.as_bytes();
        if wanted.len() > 1 && bytes.windows(wanted.len()).any(|window| window == wanted) {
            bail!("a path of this machine, {text}, is in it");
        }
    }
    Ok(())
}

/// The functions that the C header declares.
pub fn functions() -> Result<BTreeSet<String>> {
    let path = header::path();
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let code = text.lines().filter(|line| !line.trim_start().starts_with(['*', '/']));
    let names = code.flat_map(|line| {
        line.match_indices("apimbc_").filter_map(|(start, _)| {
            let (name, rest) = line[start..].split_at(line[start..].find(|c: char| !c.is_alphanumeric() && c != '_')?);
            (rest.starts_with('(')).then(|| name.to_owned())
        })
    });
    let names: BTreeSet<String> = names.collect();
    ensure!(!names.is_empty(), "{} declares no function", path.display());
    Ok(names)
}

fn exports(file: &object::File<'_>) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for export in file.exports()? {
        let name = match export?.into_name() {
            object::read::NameOrOrdinal::Name(name) => String::from_utf8_lossy(&name).into_owned(),
            object::read::NameOrOrdinal::Ordinal(number) => format!("without a name: {number}"),
        };
        // Mach-O puts an underscore before every C name.
        let stripped = (file.format() == object::BinaryFormat::MachO)
            .then(|| name.strip_prefix('_'))
            .flatten();
        names.insert(stripped.unwrap_or(&name).to_owned());
    }
    Ok(names)
}

/// The newest glibc that it asks for, where it asks for any.
fn inspect_elf(platform: &Platform, bytes: &[u8]) -> Result<Option<String>> {
    let file = ElfFile64::<Endianness>::parse(bytes)?;
    let endian = file.endian();
    let headers = file.elf_program_headers();
    let segment = |kind| headers.iter().find(|header| header.p_type(endian) == kind);
    segment(elf::PT_GNU_RELRO).context("it has no RELRO segment")?;
    let stack = segment(elf::PT_GNU_STACK).context("it does not say that its stack is not executable")?;
    ensure!(!stack.p_flags(endian).contains(elf::PF_X), "its stack is executable");

    let sections = file.elf_header().sections(endian, bytes)?;
    let table = sections.dynamic_table(endian, bytes)?;
    let (mut bind_now, mut soname, mut needed) = (false, None, BTreeSet::new());
    for entry in &table {
        match entry.tag {
            elf::DT_FLAGS => {
                ensure!(entry.val & elf::DF_TEXTREL.0 == 0, "it has text relocations");
                bind_now |= entry.val & elf::DF_BIND_NOW.0 != 0;
            }
            elf::DT_FLAGS_1 => bind_now |= entry.val & elf::DF_1_NOW.0 != 0,
            elf::DT_BIND_NOW => bind_now = true,
            elf::DT_TEXTREL => bail!("it has text relocations"),
            elf::DT_RPATH | elf::DT_RUNPATH => bail!("it has an rpath"),
            elf::DT_SONAME => soname = Some(String::from_utf8_lossy(table.string(entry)?).into_owned()),
            elf::DT_NEEDED => {
                needed.insert(String::from_utf8_lossy(table.string(entry)?).into_owned());
            }
            _ => {}
        }
    }
    ensure!(
        bind_now,
        "its symbols are bound late, which leaves the global offset table writable"
    );
    ensure!(soname.as_deref() == Some(platform.library), "its soname is {soname:?}");
    let allowed: &[&str] = match platform.libc {
        Some(Libc::Musl) => &["libc.so"],
        _ => &[
            "libc.so.6",
            "libm.so.6",
            "libpthread.so.0",
            "libdl.so.2",
            "librt.so.1",
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
        ],
    };
    let foreign: Vec<&String> = needed.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    ensure!(foreign.is_empty(), "it needs {foreign:?}, which not every system has");

    let mut newest = None;
    if let Some((mut needs, link)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, link)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
                if let Some(number) = name.strip_prefix("GLIBC_") {
                    newest = newest.max(Some(numbers(number)));
                }
            }
        }
    }
    ensure!(
        newest <= Some(numbers(OLDEST_GLIBC)),
        "it asks for glibc {newest:?}, newer than {OLDEST_GLIBC}"
    );
    Ok(newest.map(|numbers| {
        numbers
            .map(|number| number.to_string())
            .join(".")
            .trim_end_matches(".0")
            .to_owned()
    }))
}

/// A version as numbers, so that 2.9 comes before 2.17. A word in it (GLIBC_PRIVATE) is newer than all numbers.
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(u32::MAX));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

fn inspect_pe(bytes: &[u8]) -> Result<()> {
    let file = PeFile64::parse(bytes)?;
    let flags = file.nt_headers().optional_header.dll_characteristics();
    for (flag, name) in [
        (pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "DYNAMIC_BASE"),
        (pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "HIGH_ENTROPY_VA"),
        (pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "NX_COMPAT"),
    ] {
        ensure!(flags.contains(flag), "it lacks {name}");
    }
    for library in file.import_libraries()? {
        let name = String::from_utf8_lossy(library?.name()).to_ascii_lowercase();
        // Of the compilers' own runtimes, Windows has none.
        let runtime = [
            "libgcc",
            "libwinpthread",
            "libunwind",
            "libc++",
            "libstdc++",
            "vcruntime",
            "msvcp",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix));
        ensure!(!runtime, "it needs {name}, which Windows does not have");
    }
    Ok(())
}

fn inspect_macho(bytes: &[u8]) -> Result<()> {
    let file = MachOFile64::<Endianness>::parse(bytes)?;
    if let FileFlags::MachO { flags } = file.flags() {
        ensure!(
            !flags.contains(macho::MH_ALLOW_STACK_EXECUTION),
            "its stack is executable"
        );
    }
    let mut commands = file.macho_load_commands()?;
    while let Some(command) = commands.next()? {
        ensure!(command.cmd() != macho::LC_RPATH, "it has an rpath");
    }
    for library in file.import_libraries()? {
        let name = String::from_utf8_lossy(library?.name()).into_owned();
        ensure!(
            name.starts_with("/usr/lib/") || name.starts_with("/System/Library/"),
            "it needs {name}, which macOS does not have"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("2.9") < numbers("2.17"));
        assert!(numbers("2.17") < numbers("2.17.1"));
        assert!(numbers("PRIVATE") > numbers("2.99"));
    }

    #[test]
    fn a_path_of_the_machine_is_found_wherever_it_is() {
        let paths = [(PathBuf::from("/somebody/sources"), "/src".to_owned())];
        names_no_path(b"panicked at /src/lib.rs", &paths).unwrap();
        let error = names_no_path(b"panicked at /somebody/sources/lib.rs", &paths).unwrap_err();
        assert!(error.to_string().contains("/somebody/sources"), "{error}");
    }

    #[test]
    fn the_header_declares_the_abi() {
        let functions = functions().unwrap();
        assert!(
            functions.contains("apimbc_session_new") && functions.contains("apimbc_buffer_free"),
            "{functions:?}"
        );
        assert!(!functions.contains("apimbc_session"), "{functions:?}");
    }
}
