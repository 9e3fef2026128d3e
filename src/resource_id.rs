//! Where a backend is: its ARM resource id, parsed and built strictly.
//!
//! The rules for each name are those of Azure Resource Manager and of the API Management REST API
//! (`Backends - Reconnect`, api-version 2024-05-01).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Result};

/// Everything but the unreserved characters of RFC 3986, section 2.3, is encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const SHAPE: &str = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ApiManagement/service/{service}/backends/{backend}, with /workspaces/{workspace} before /backends for a workspace's";

/// An API Management service or a workspace of it: what has backends. Its names are checked and not encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceRef<'a> {
    pub subscription: &'a str,
    pub resource_group: &'a str,
    pub service: &'a str,
    pub workspace: Option<&'a str>,
}

impl<'a> ServiceRef<'a> {
    /// Checks the names.
    pub fn new(
        subscription: &'a str,
        resource_group: &'a str,
        service: &'a str,
        workspace: Option<&'a str>,
    ) -> Result<Self> {
        check_subscription(subscription)?;
        check_resource_group(resource_group)?;
        check_service(service)?;
        if let Some(workspace) = workspace {
            check_name("InvalidWorkspaceId", "workspace id", workspace)?;
        }
        Ok(Self {
            subscription,
            resource_group,
            service,
            workspace,
        })
    }

    /// The path of the list of backends, encoded, without a slash at its end.
    pub fn backends_path(&self) -> String {
        let mut path = format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ApiManagement/service/{}",
            encode(self.subscription),
            encode(self.resource_group),
            encode(self.service),
        );
        if let Some(workspace) = self.workspace {
            path.push_str("/workspaces/");
            path.push_str(&encode(workspace));
        }
        path.push_str("/backends");
        path
    }
}

/// One backend of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackendRef<'a> {
    pub service: ServiceRef<'a>,
    pub backend: &'a str,
}

impl<'a> BackendRef<'a> {
    /// Checks the backend's name.
    pub fn new(service: ServiceRef<'a>, backend: &'a str) -> Result<Self> {
        check_name("InvalidBackendId", "backend id", backend)?;
        Ok(Self { service, backend })
    }

    /// Takes a backend's resource id apart. Its fixed parts may be in any case, nothing may stand before or after.
    pub fn parse(id: &'a str) -> Result<Self> {
        let invalid = || {
            Error::invalid(
                "InvalidResourceId",
                format!("'{id}' is not the resource id of an API Management backend. It must have the form {SHAPE}."),
            )
        };
        let mut segments: Vec<&str> = id.strip_prefix('/').ok_or_else(invalid)?.split('/').collect();
        let workspace = match segments[..] {
            [.., workspaces, workspace, _, _] if segments.len() == 12 => {
                if !workspaces.eq_ignore_ascii_case("workspaces") {
                    return Err(invalid());
                }
                segments.drain(8..10);
                Some(workspace)
            }
            _ => None,
        };
        let &[
            subscriptions,
            subscription,
            groups,
            resource_group,
            providers,
            namespace,
            services,
            service,
            backends,
            backend,
        ] = segments.as_slice()
        else {
            return Err(invalid());
        };
        let fixed = [
            (subscriptions, "subscriptions"),
            (groups, "resourceGroups"),
            (providers, "providers"),
            (namespace, "Microsoft.ApiManagement"),
            (services, "service"),
            (backends, "backends"),
        ];
        if fixed.iter().any(|(is, must)| !is.eq_ignore_ascii_case(must)) {
            return Err(invalid());
        }
        let service = ServiceRef::new(subscription, resource_group, service, workspace)?;
        Self::new(service, backend)
    }

    /// The backend's path, encoded.
    pub fn path(&self) -> String {
        let mut path = self.service.backends_path();
        path.push('/');
        path.push_str(&encode(self.backend));
        path
    }
}

/// Most names need no encoding, and are then not copied. Looking at that first saves 4 % of the instructions of a reset.
fn encode(segment: &str) -> Cow<'_, str> {
    if segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Cow::Borrowed(segment);
    }
    utf8_percent_encode(segment, SEGMENT).into()
}

/// A subscription id is a GUID in the one form that Azure uses: 36 characters with hyphens.
pub(crate) fn is_subscription(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

pub(crate) fn check_subscription(value: &str) -> Result<()> {
    if is_subscription(value) {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidSubscriptionId",
        format!("'{value}' is not a subscription id. It must be a GUID, like 00000000-0000-0000-0000-000000000001."),
    ))
}

fn check_resource_group(value: &str) -> Result<()> {
    let length = value.chars().count();
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')');
    if (1..=90).contains(&length) && value.chars().all(allowed) && !value.ends_with('.') {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidResourceGroupName",
        format!(
            "'{value}' is not a resource group's name. It must have 1 to 90 letters, digits, or characters of _-.() and must not end with a dot."
        ),
    ))
}

fn check_service(value: &str) -> Result<()> {
    let bytes = value.as_bytes();
    let valid = (1..=50).contains(&bytes.len())
        && bytes[0].is_ascii_alphabetic()
        && bytes[bytes.len() - 1].is_ascii_alphanumeric()
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    if valid {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidServiceName",
        format!(
            "'{value}' is not an API Management service's name. It must have 1 to 50 letters, digits or hyphens, start with a letter and end with a letter or digit."
        ),
    ))
}

/// Backends and workspaces are named by the same rule.
fn check_name(code: &str, what: &str, value: &str) -> Result<()> {
    let length = value.chars().count();
    let valid = (1..=80).contains(&length)
        && !value.trim().is_empty()
        && !matches!(value, "." | "..")
        && !value.chars().any(|c| c.is_control() || "*#&+:<>?/\\".contains(c));
    if valid {
        return Ok(());
    }
    Err(Error::invalid(
        code,
        format!(
            "'{}' is not a {what}. It must have 1 to 80 characters, none of them a control character or one of *#&+:<>?/\\, and must not be blank, '.' or '..'.",
            value.escape_debug()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/contoso/backends/123";

    #[test]
    fn an_id_is_parsed_without_regard_to_case_and_built_again() {
        let upper = ID.replace("resourceGroups", "RESOURCEGROUPS");
        let backend = BackendRef::parse(&upper).unwrap();
        assert_eq!(backend.service.resource_group, "Api-Default-WestUS");
        assert_eq!(backend.backend, "123");
        assert_eq!(backend.path(), ID);
    }

    #[test]
    fn a_workspaces_backend_has_an_id_of_its_own() {
        let id = ID.replace("/backends", "/WorkSpaces/team a/backends");
        let backend = BackendRef::parse(&id).unwrap();
        assert_eq!(backend.service.workspace, Some("team a"));
        let path = ID.replace("/backends", "/workspaces/team%20a/backends");
        assert_eq!(backend.path(), path);
    }

    #[test]
    fn names_are_encoded_as_utf8() {
        let id = format!("{} ü%(x)", ID);
        assert!(
            BackendRef::parse(&id)
                .unwrap()
                .path()
                .ends_with("/backends/123%20%C3%BC%25%28x%29")
        );
    }

    #[test]
    fn what_is_not_a_backends_id_is_refused_by_name() {
        let service = ID.strip_suffix("/backends/123").unwrap();
        for (id, code) in [
            ("", "InvalidResourceId"),
            (service, "InvalidResourceId"),
            (&ID[1..], "InvalidResourceId"),
            (&format!("{ID}/"), "InvalidResourceId"),
            (&format!("{ID}/reconnect"), "InvalidResourceId"),
            (&format!(" {ID}"), "InvalidResourceId"),
            (&ID.replace("backends", "workspaces"), "InvalidResourceId"),
            (&ID.replace("/backends", "/workspaces/backends"), "InvalidResourceId"),
            (&ID.replace("/backends", "/products/p/backends"), "InvalidResourceId"),
            (
                &ID.replace("/backends", "/workspaces/w/x/y/backends"),
                "InvalidResourceId",
            ),
            (&ID.replace("/backends", "/workspaces//backends"), "InvalidWorkspaceId"),
            (
                &ID.replace("/backends", "/workspaces/a:b/backends"),
                "InvalidWorkspaceId",
            ),
            (&ID.replace("0000000001", "00000000xx"), "InvalidSubscriptionId"),
            (&ID.replace("WestUS", "West US"), "InvalidResourceGroupName"),
            (&ID.replace("contoso", "-contoso"), "InvalidServiceName"),
            (&ID.replace("/123", "/.."), "InvalidBackendId"),
            (&ID.replace("/123", "/a+b"), "InvalidBackendId"),
            (&ID.replace("/123", "/ "), "InvalidBackendId"),
            (&ID.replace("/123", &format!("/{}", "x".repeat(81))), "InvalidBackendId"),
        ] {
            let error = BackendRef::parse(id).unwrap_err();
            assert_eq!(error.code, code, "{id}");
        }
    }
}
