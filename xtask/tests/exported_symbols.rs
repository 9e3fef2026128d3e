//! The library exports the functions that its header declares, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use object::read::{File, NameOrOrdinal, Object};

#[test]
fn the_library_exports_what_the_header_declares() {
    let library = &xtask::stage::staged().unwrap().library;
    let bytes = fs::read(library).unwrap();
    let file = File::parse(&*bytes).unwrap();
    let exported: BTreeSet<String> = file
        .exports()
        .unwrap()
        .map(|export| match export.unwrap().name() {
            // Mach-O puts an underscore before every name of C.
            NameOrOrdinal::Name(name) => String::from_utf8_lossy(name).trim_start_matches('_').to_owned(),
            NameOrOrdinal::Ordinal(ordinal) => format!("number {ordinal}, without a name"),
        })
        .collect();

    let header = fs::read_to_string(xtask::header::path()).unwrap();
    let declared: BTreeSet<String> = header
        .lines()
        .filter(|line| !line.starts_with("//") && !line.starts_with(' '))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("apimbc_"))
        .map(str::to_owned)
        .collect();

    assert!(declared.len() > 10, "the header was misread: {declared:?}");
    assert_eq!(exported, declared);
}
