//! The environment variables the engine reads, held apart from the process's own: on Unix a .NET host's `$env:`
//! is not the C environment, so the caller may hand its own over.

use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;

use crate::os::protected::Protected;

/// A fixed set of environment variables. Cloning shares it; the values are wiped when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Environment {
    variables: Arc<Variables>,
}

/// All variables in one piece of memory, each as `NAME=value` with a NUL after it: as a program is given them.
struct Variables {
    text: Protected,
    /// Where each begins, where its name ends, and where its value does.
    entries: Vec<(usize, usize, usize)>,
}

impl Environment {
    /// The process's own variables as they are now. Those that are not Unicode are left out: none of the engine's are.
    pub fn of_process() -> Self {
        let variables: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::new(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The variables of a block: `NAME=value`, with NUL between them. Pieces of another form are passed over.
    pub fn from_block(block: &str) -> Self {
        // Windows keeps the current folder of each drive in variables whose names begin with the sign.
        let entries = block.split('\0').filter_map(|entry| entry.split_once('='));
        Self::new(entries)
    }

    /// The last one counts where a name comes more than once. What no program could be given is left out.
    fn new<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all: Vec<(&str, &str)> = Vec::new();
        for (name, value) in variables {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                continue;
            }
            all.push((name, value));
        }
        // Stable, so that equal names keep their order.
        let key = |name: &str| {
            if cfg!(windows) {
                name.to_uppercase()
            } else {
                name.to_owned()
            }
        };
        all.sort_by_cached_key(|(name, _)| key(name));
        all.reverse();
        all.dedup_by(|one, other| is_same(one.0, other.0));
        all.reverse();
        let length = all.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let mut entries = Vec::with_capacity(all.len());
        let text = Protected::new(length, |mut text| {
            let mut start = 0;
            for (name, value) in all {
                for part in [name, "=", value, "\0"] {
                    let (here, rest) = text.split_at_mut(part.len());
                    here.copy_from_slice(part.as_bytes());
                    text = rest;
                }
                let name_end = start + name.len();
                let end = name_end + 1 + value.len();
                entries.push((start, name_end, end));
                start = end + 1;
            }
        });
        Self {
            variables: Arc::new(Variables { text, entries }),
        }
    }

    /// The value of a variable; `None` when it is not set or blank. Windows does not distinguish case in names.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.all().find(|(found, _)| is_same(found, name))?;
        Some(value).filter(|value| !value.trim().is_empty())
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let Variables { text, entries } = &*self.variables;
        let part = |from: usize, to: usize| std::str::from_utf8(&text[from..to]).unwrap_or_default();
        entries
            .iter()
            .map(move |(start, name_end, end)| (part(*start, *name_end), part(name_end + 1, *end)))
    }

    /// Every variable that has a value, as `NAME=value`, for a child process.
    pub fn for_child(&self) -> Vec<&CStr> {
        let Variables { text, entries } = &*self.variables;
        entries
            .iter()
            .filter(|(_, name_end, end)| name_end + 1 < *end)
            .filter_map(|(start, _, end)| CStr::from_bytes_with_nul(&text[*start..=*end]).ok())
            .collect()
    }

    /// A SHA-256 of every variable: equal for equal environments, and of no use to who wants to know a value.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        // In order of their names, and told apart by what none of them holds.
        fingerprint.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &self.variables.text).as_ref());
        fingerprint
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<&str> {
        if cfg!(windows) {
            self.get("USERPROFILE")
        } else {
            self.get("HOME")
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.all().map(|(name, _)| name)).finish()
    }
}

fn is_same(one: &str, other: &str) -> bool {
    if cfg!(windows) {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self::new(variables.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_variable_is_not_set() {
        let environment = Environment::from([("EMPTY", ""), ("SPACES", "  "), ("SET", " x ")]);
        assert_eq!(environment.get("EMPTY"), None);
        assert_eq!(environment.get("SPACES"), None);
        assert_eq!(environment.get("MISSING"), None);
        assert_eq!(environment.get("SET"), Some(" x "));
    }

    #[test]
    fn debug_shows_names_only() {
        let shown = format!("{:?}", Environment::from([("AZURE_CLIENT_SECRET", "hunter2")]));
        assert!(shown.contains("AZURE_CLIENT_SECRET"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn names_ignore_case_on_windows_only() {
        assert_eq!(Environment::from([("Path", "x")]).get("PATH").is_some(), cfg!(windows));
    }

    #[test]
    fn a_child_gets_every_variable_that_has_a_value() {
        let environment = Environment::from_block("B=2\0A=\0C=x=y\0nothing\0B=3\0D= ");
        assert_eq!(environment.for_child(), [c"B=3", c"C=x=y", c"D= "]);
        assert_eq!(environment.get("B"), Some("3"));
        assert_eq!(environment.get("C"), Some("x=y"));
    }

    #[test]
    fn the_fingerprint_is_that_of_the_content_in_any_order() {
        let fingerprint = |block| Environment::from_block(block).fingerprint();
        assert_eq!(fingerprint("A=1\0B=2"), fingerprint("B=2\0A=1\0"));
        assert_ne!(fingerprint("A=1\0B=2"), fingerprint("A=1B=2"));
        assert_ne!(fingerprint("A=1"), fingerprint("A=2"));
    }
}
