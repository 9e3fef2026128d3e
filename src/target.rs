//! The names of what an item is about, for errors, descriptions and progress.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{Serialize, Serializer};

/// A backend, or (without a backend's name) the service whose backends are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    /// The backend's name; none for a list.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_name")]
    pub backend_id: Option<String>,
    /// The API Management service.
    #[serde(serialize_with = "name")]
    pub service: String,
    /// The service's resource group.
    #[serde(serialize_with = "name")]
    pub resource_group: String,
    /// The workspace that the backend is in, where it is in one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_name")]
    pub workspace: Option<String>,
}

fn name<S: Serializer>(name: &str, serializer: S) -> Result<S::Ok, S::Error> {
    printable(name).serialize(serializer)
}

fn optional_name<S: Serializer>(name: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    name.as_deref().map(printable).serialize(serializer)
}

impl Target {
    /// The target of an encoded resource path, however it goes on after the names; none where it names no service.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::read(path, |name| percent_decode_str(name).decode_utf8_lossy().into_owned())
    }

    /// The same of a resource id, whose names are not encoded.
    pub fn of_id(id: &str) -> Option<Self> {
        Self::read(id, str::to_owned)
    }

    fn read(path: &str, decode: impl Fn(&str) -> String) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        let mut segments = path.split('/').skip(1);
        // Each name stands behind the word for what it names, in any case.
        let mut named = |word: &str| {
            let found = segments.next()?.eq_ignore_ascii_case(word);
            let name = segments.next()?;
            found.then(|| decode(name))
        };
        named("subscriptions")?;
        let resource_group = named("resourceGroups")?;
        named("providers")?;
        let service = named("service")?;
        let workspace = path
            .split('/')
            .nth(9)
            .filter(|word| word.eq_ignore_ascii_case("workspaces"))
            .and_then(|_| named("workspaces"));
        Some(Self {
            backend_id: named("backends"),
            service,
            resource_group,
            workspace,
        })
    }
}

impl fmt::Display for Target {
    /// `backend 'B' of workspace 'W' of service 'S' in resource group 'G'`, without what is not there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(backend) = &self.backend_id {
            write!(f, "backend '{backend}' of ")?;
        }
        if let Some(workspace) = &self.workspace {
            write!(f, "workspace '{workspace}' of ")?;
        }
        write!(
            f,
            "service '{}' in resource group '{}'",
            self.service, self.resource_group
        )
    }
}

/// The text without what a terminal would obey: control characters but line feed and tab, and those that turn the
/// direction of writing, become U+FFFD.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text = if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    };
    if text.contains(obeyed) {
        Cow::Owned(text.replace(obeyed, "\u{fffd}"))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "/subscriptions/x/resourcegroups/G%28r%29/providers/Microsoft.ApiManagement/service/S";

    #[test]
    fn a_path_names_its_target() {
        for (rest, expected) in [
            (
                "/backends/a%20b",
                "backend 'a b' of service 'S' in resource group 'G(r)'",
            ),
            (
                "/workspaces/w/backends/b/reconnect?x=/y",
                "backend 'b' of workspace 'w' of service 'S' in resource group 'G(r)'",
            ),
            ("/backends?api-version=1", "service 'S' in resource group 'G(r)'"),
            (
                "/workspaces/w/backends",
                "workspace 'w' of service 'S' in resource group 'G(r)'",
            ),
        ] {
            let target = Target::of_path(&format!("{SERVICE}{rest}")).expect("a target");
            assert_eq!(target.to_string(), expected);
        }
        for other in [
            "",
            "/",
            "/subscriptions/x",
            "/tenants/x/resourceGroups/G/providers/P/service/S",
        ] {
            assert_eq!(Target::of_path(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_not_printed() {
        assert_eq!(printable("a\r\nb\tc"), "a\nb\tc");
        assert_eq!(
            printable("\u{1b}[31m\u{7f}\u{9b}\0\u{202e}x\r"),
            "\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}x\u{fffd}"
        );
        assert!(matches!(printable("plain ü"), Cow::Borrowed(_)));
    }
}
