//! The sources' own shape: no file uses, by however many others, one that uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The crates that are looked at: the folder of each one's sources.
const CRATES: [&str; 5] = ["src", "core/src", "simulation/src", "emulator/src", "xtask/src"];

/// A module by its path from the crate's root: `session::order`.
type Module = Vec<String>;

#[test]
fn no_file_uses_one_that_uses_it() {
    for sources in CRATES {
        let uses = uses_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sources));
        assert!(!uses.is_empty(), "{sources}: nothing was read");
        let circle: Vec<String> = circle_in(&uses).iter().map(|module| module.join("::")).collect();
        assert_eq!(circle, [""; 0], "{sources}: each uses the next, and the last the first");
    }
}

/// Which modules each module's file names in its code, leaving tests and `mod` lines out.
fn uses_of(sources: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut texts = BTreeMap::new();
    read(sources, &Vec::new(), &mut texts);
    let modules: BTreeSet<Module> = texts.keys().cloned().collect();
    texts
        .iter()
        .map(|(module, text)| {
            let children = modules
                .iter()
                .filter(|other| other.split_last().is_some_and(|(_, parent)| parent == module))
                .filter_map(|child| child.last());
            let used = paths_in(&without_tests(text), children)
                .iter()
                .filter_map(|path| resolve(path, module, &modules))
                .filter(|used| used != module)
                .collect();
            (module.clone(), used)
        })
        .collect()
}

fn read(folder: &Path, module: &Module, texts: &mut BTreeMap<Module, String>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a name")
            .to_owned();
        let inner = [module.clone(), vec![stem.clone()]].concat();
        if path.is_dir() {
            read(&path, &inner, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = match stem.as_str() {
                "lib" | "main" | "mod" => module.clone(),
                _ => inner,
            };
            let text = std::fs::read_to_string(&path).expect("a source file");
            texts.entry(module).or_default().push_str(&text);
        }
    }
}

/// The code: comments and strings are left out, and what stands under `#[cfg(test)]`.
fn without_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            // Formatted code: the item ends with the first line that is not indented further and closes something.
            let indent = line.len() - line.trim_start().len();
            for line in lines.by_ref() {
                let closes = line.trim_end().ends_with(['}', ';']) && !line.trim_end().ends_with("{}");
                if line.len() - line.trim_start().len() == indent && closes {
                    break;
                }
            }
        } else if !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Every path in the code that starts with `crate`, `self`, `super` or a module inside this one, with the groups of
/// `use` taken apart.
fn paths_in<'a>(code: &str, children: impl Iterator<Item = &'a String>) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for start in ["crate", "super", "self"]
        .into_iter()
        .chain(children.map(String::as_str))
    {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = code[..at].chars().next_back();
            // Inside a longer path (`super::super`), or a part of a name.
            if before.is_some_and(|c| c == ':' || c == '_' || c.is_alphanumeric()) {
                continue;
            }
            expand(&code[at..], &[], &mut paths);
        }
    }
    paths
}

/// Takes one path from the front of the code, a group (`a::{b, c::d}`) as its members. Gives the rest.
fn expand<'a>(code: &'a str, prefix: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = prefix.to_vec();
    let mut rest = code.trim_start();
    loop {
        let end = rest
            .find(|c: char| c != '_' && !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() {
            path.push(name.to_owned());
        }
        let Some(after) = after.strip_prefix("::") else {
            paths.push(path);
            return after;
        };
        let Some(mut members) = after.strip_prefix('{') else {
            rest = after;
            continue;
        };
        loop {
            members = expand(members, &path, paths).trim_start();
            // What is left of a member: `as name`, `*`.
            let end = members.find([',', '}']).expect("a group ends");
            let more = members[end..].starts_with(',');
            members = &members[end + 1..];
            if !more || members.trim_start().starts_with('}') {
                return members;
            }
        }
    }
}

/// The module whose file a path leads to: the longest beginning that is one.
fn resolve(path: &[String], from: &Module, modules: &BTreeSet<Module>) -> Option<Module> {
    let (mut base, mut names) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        _ => (from.clone(), path),
    };
    while let Some(name) = names.first() {
        match name.as_str() {
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        names = &names[1..];
    }
    for name in names {
        let inner = [base.clone(), vec![name.clone()]].concat();
        if !modules.contains(&inner) {
            break;
        }
        base = inner;
    }
    modules.contains(&base).then_some(base)
}

/// The modules of one circle, or none.
fn circle_in(uses: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Module> {
    let mut left = uses.clone();
    // What uses nothing that is left is in no circle.
    while let Some(module) = left
        .iter()
        .find(|(_, used)| used.iter().all(|module| !left.contains_key(module)))
        .map(|(module, _)| module.clone())
    {
        left.remove(&module);
    }
    let mut circle: Vec<Module> = left.keys().next().cloned().into_iter().collect();
    while let Some(last) = circle.last() {
        let next = left[last]
            .iter()
            .find(|module| left.contains_key(*module))
            .expect("as above");
        if let Some(at) = circle.iter().position(|module| module == next) {
            return circle.split_off(at);
        }
        circle.push(next.clone());
    }
    circle
}

#[test]
fn a_circle_is_found_through_groups_and_relative_paths() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(path, text).expect("a file is written");
    };
    write("lib.rs", "mod a;\nmod b;\n");
    write("a/mod.rs", "mod inner;\nuse crate::b::Thing;\n");
    write("a/inner.rs", "// use super::Secret;\nuse std::{fmt, io};\n");
    write(
        "b.rs",
        "use crate::{\n    c as other,\n    a::{inner::{One, Two}},\n};\n",
    );
    write(
        "c.rs",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::a;\n}\n",
    );
    assert_eq!(circle_in(&uses_of(folder.path())), Vec::<Module>::new());
    write("a/inner.rs", "fn f() -> super::Thing {}\n");
    let circle = circle_in(&uses_of(folder.path()));
    let expected: BTreeSet<Module> = [vec!["a"], vec!["a", "inner"], vec!["b"]]
        .map(|module| module.into_iter().map(str::to_owned).collect())
        .into();
    assert_eq!(circle.into_iter().collect::<BTreeSet<_>>(), expected);
}
