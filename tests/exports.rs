//! The shared library shows its ABI and nothing else, as its own file says.

use std::collections::BTreeSet;

use object::Object;
use object::read::NameOrOrdinal;
use test_support::{Functions, library_path};

fn exported() -> BTreeSet<String> {
    let path = library_path();
    let bytes = std::fs::read(&path).expect("the library can be read");
    let library = object::File::parse(&*bytes).expect("the library is a library");
    // Mach-O puts an underscore before every C name.
    let prefix = if library.format() == object::BinaryFormat::MachO {
        "_"
    } else {
        ""
    };
    let name = |export: object::read::Result<object::read::Export<'_>>| match export
        .expect("an export can be read")
        .into_name()
    {
        NameOrOrdinal::Name(name) => {
            let name = String::from_utf8_lossy(&name).into_owned();
            name.strip_prefix(prefix).map(str::to_owned).unwrap_or(name)
        }
        NameOrOrdinal::Ordinal(number) => format!("without a name: {number}"),
    };
    let exports = library.exports().expect("the table of exports can be read");
    exports.map(name).collect()
}

#[test]
fn the_library_exports_the_functions_of_the_abi_and_nothing_else() {
    let expected: BTreeSet<String> = Functions::NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(exported(), expected);
}
