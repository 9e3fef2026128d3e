//! The header stands alone, and says what the library has and what docs/abi.md explains.

use std::collections::BTreeSet;
use std::path::Path;

use test_support::{Functions, Language, Status, c_compiler, functions, output_of};

fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()))
}

fn header() -> String {
    read("include/apim_backend_connection.h")
}

/// The code without comments.
fn code(header: &str) -> String {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").expect("a comment ends").1;
    }
    code.push_str(rest);
    let lines = code
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

/// The words of a text that start with `prefix`.
fn words<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(prefix))
        .collect()
}

/// `NAME = number` pairs of the header's enumerations.
fn constants(code: &str) -> BTreeSet<(&str, u32)> {
    code.lines()
        .filter_map(|line| {
            let (name, value) = line.trim().trim_end_matches(',').split_once(" = ")?;
            Some((name, value.parse().ok()?))
        })
        .collect()
}

/// The functions that the header declares: the words before a parenthesis.
fn declared(code: &str) -> BTreeSet<&str> {
    words(code, "apimbc_")
        .into_iter()
        .filter(|name| code.contains(&format!("{name}(")))
        .collect()
}

fn compile(language: Language, name: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join(name);
    // Twice: its guard must hold.
    let text = "#include \"apim_backend_connection.h\"\n#include \"apim_backend_connection.h\"\nint main(void) { return 0; }\n";
    std::fs::write(&source, text).expect("the source is written");
    let compiler = c_compiler(language, folder.path());
    let output = output_of(
        compiler
            .to_command()
            .current_dir(folder.path())
            .arg(if compiler.is_like_msvc() { "/c" } else { "-c" })
            .arg(&source),
    );
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_header_compiles_alone_as_c11() {
    compile(Language::C, "alone.c");
}

#[test]
fn the_header_compiles_alone_as_cpp17() {
    compile(Language::Cpp, "alone.cpp");
}

#[test]
fn the_header_declares_what_the_library_exports() {
    let header = header();
    let exported: BTreeSet<&str> = Functions::NAMES.iter().copied().collect();
    assert_eq!(declared(&code(&header)), exported);
}

#[test]
fn the_headers_version_is_the_librarys() {
    let header = header();
    let version = header
        .lines()
        .find_map(|line| line.strip_prefix("#define APIMBC_ABI_VERSION "));
    // SAFETY: it takes nothing.
    let of_library = unsafe { (functions().apimbc_abi_version)() };
    assert_eq!(version, Some(of_library.to_string().as_str()));
}

#[test]
fn the_page_names_every_function_status_and_kind_of_event_with_its_value() {
    let (header, page) = (header(), read("docs/abi.md"));
    let code = code(&header);
    let named = words(&page, "apimbc_");
    for function in declared(&code) {
        assert!(named.contains(function), "docs/abi.md does not name {function}");
    }
    let constants = constants(&code);
    assert!(constants.len() > 10, "{constants:?}");
    for (name, value) in &constants {
        let row = format!("| `{name}` | {value} |");
        assert!(page.contains(&row), "docs/abi.md has no row that starts with {row}");
    }
    for name in words(&page, "APIMBC_") {
        assert!(code.contains(name), "docs/abi.md names {name}, which the header lacks");
    }
}

#[test]
fn the_tests_own_statuses_are_the_headers() {
    let header = header();
    let code = code(&header);
    for (name, value) in constants(&code) {
        if let Some(name) = name.strip_prefix("APIMBC_STATUS_") {
            assert_eq!(format!("{:?}", Status(value as i32)), name);
        }
    }
}
