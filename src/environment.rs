//! The environment variables the engine reads, held apart from the process's own: on Unix a .NET host's `$env:`
//! is not the C environment, so the session's options may bring their own set.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;

/// A fixed set of environment variables. Cloning shares it; the values are wiped when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Environment {
    variables: Arc<HashMap<String, Secret>>,
}

impl Environment {
    /// The process's own variables as they are now. Those that are not Unicode are left out: none of the engine's are.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .map(|(name, value)| (name, Secret::new(value)))
            .collect();
        Self::from_map(variables)
    }

    /// The variables that the caller names, and no others.
    pub fn from_map(variables: HashMap<String, Secret>) -> Self {
        let variables = if cfg!(windows) {
            variables
                .into_iter()
                .map(|(name, value)| (name.to_uppercase(), value))
                .collect()
        } else {
            variables
        };
        Self {
            variables: Arc::new(variables),
        }
    }

    /// The value of a variable; `None` when it is not set or blank. Windows does not distinguish case in names.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = if cfg!(windows) {
            self.variables.get(&name.to_uppercase())
        } else {
            self.variables.get(name)
        };
        value.map(Secret::expose).filter(|text| !text.trim().is_empty())
    }

    /// Every variable as it is, for a child process.
    pub fn expose_all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
    }

    /// A SHA-256 of every variable: equal for equal environments, and of no use to who wants to know a value.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut variables: Vec<_> = self.expose_all().collect();
        variables.sort_unstable();
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for text in variables.into_iter().flat_map(|(name, value)| [name, value]) {
            context.update(&text.len().to_le_bytes());
            context.update(text.as_bytes());
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
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
        let mut names: Vec<&String> = self.variables.keys().collect();
        names.sort_unstable();
        f.debug_set().entries(names).finish()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self::from_map(
            variables
                .map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())))
                .into_iter()
                .collect(),
        )
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
}
