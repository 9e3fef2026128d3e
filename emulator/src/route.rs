//! Which resource of Azure Resource Manager a path names. Fixed segments are compared without regard to case, as
//! the service does; names come out percent-decoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A place in the hierarchy of resources. A missing name means the collection.
#[derive(Debug, PartialEq)]
pub(crate) enum Route<'a> {
    Tenants,
    Subscriptions,
    Subscription {
        subscription: Name<'a>,
    },
    Groups {
        subscription: Name<'a>,
    },
    Group {
        subscription: Name<'a>,
        group: Name<'a>,
    },
    /// The services of a resource group, or of the whole subscription.
    Services {
        subscription: Name<'a>,
        group: Option<Name<'a>>,
    },
    Service(ServicePath<'a>),
    Backends(ServicePath<'a>),
    Backend(ServicePath<'a>, Name<'a>),
    Reconnect(ServicePath<'a>, Name<'a>),
    /// Below a subscription, but nothing that this emulator serves.
    Unserved {
        subscription: Name<'a>,
    },
}

/// A name from a path, decoded.
pub(crate) type Name<'a> = Cow<'a, str>;

/// The names that lead to an API Management service.
#[derive(Debug, PartialEq)]
pub(crate) struct ServicePath<'a> {
    pub(crate) subscription: Name<'a>,
    pub(crate) group: Name<'a>,
    pub(crate) service: Name<'a>,
}

/// A path that cannot be one of Azure Resource Manager's.
#[derive(Debug, PartialEq)]
pub(crate) struct BadEncoding;

/// The longest path served has this many segments.
const DEPTH: usize = 11;

impl<'a> Route<'a> {
    /// Reads a path; `None` if it is neither below `/subscriptions` nor `/tenants`.
    pub(crate) fn of(path: &'a str) -> Result<Option<Self>, BadEncoding> {
        let mut segments = [""; DEPTH];
        let mut count = 0;
        let path = path.strip_prefix('/').unwrap_or(path);
        for segment in path.strip_suffix('/').unwrap_or(path).split('/') {
            if count < DEPTH {
                segments[count] = segment;
            }
            count += 1;
        }
        if count == 1 && is(segments[0], "tenants") {
            return Ok(Some(Self::Tenants));
        }
        if !segments[0].eq_ignore_ascii_case("subscriptions") {
            return Ok(None);
        }
        if count == 1 {
            return Ok(Some(Self::Subscriptions));
        }
        let subscription = decoded(segments[1])?;
        // A longer path differs from every pattern: it has more segments than any of them.
        let route = match &segments[2..count.clamp(2, DEPTH)] {
            _ if count > DEPTH => Self::Unserved { subscription },
            [] => Self::Subscription { subscription },
            [groups] if is(groups, "resourceGroups") => Self::Groups { subscription },
            [groups, group] if is(groups, "resourceGroups") => Self::Group {
                subscription,
                group: decoded(group)?,
            },
            [providers, provider, kind] if is_service(providers, provider, kind) => Self::Services {
                subscription,
                group: None,
            },
            [groups, group, providers, provider, kind, rest @ ..]
                if is(groups, "resourceGroups") && is_service(providers, provider, kind) =>
            {
                let group = decoded(group)?;
                let Some((service, rest)) = rest.split_first() else {
                    return Ok(Some(Self::Services {
                        subscription,
                        group: Some(group),
                    }));
                };
                let service = ServicePath {
                    subscription,
                    group,
                    service: decoded(service)?,
                };
                match rest {
                    [] => Self::Service(service),
                    [backends] if is(backends, "backends") => Self::Backends(service),
                    [backends, id] if is(backends, "backends") => Self::Backend(service, decoded(id)?),
                    [backends, id, action] if is(backends, "backends") && is(action, "reconnect") => {
                        Self::Reconnect(service, decoded(id)?)
                    }
                    _ => Self::Unserved {
                        subscription: service.subscription,
                    },
                }
            }
            _ => Self::Unserved { subscription },
        };
        Ok(Some(route))
    }

    /// The subscription that the path is in.
    pub(crate) fn subscription(&self) -> Option<&str> {
        match self {
            Self::Tenants | Self::Subscriptions => None,
            Self::Subscription { subscription }
            | Self::Groups { subscription }
            | Self::Group { subscription, .. }
            | Self::Services { subscription, .. }
            | Self::Unserved { subscription } => Some(subscription),
            Self::Service(path) | Self::Backends(path) | Self::Backend(path, _) | Self::Reconnect(path, _) => {
                Some(&path.subscription)
            }
        }
    }
}

fn is(segment: &str, name: &str) -> bool {
    segment.eq_ignore_ascii_case(name)
}

fn is_service(providers: &str, provider: &str, kind: &str) -> bool {
    is(providers, "providers") && is(provider, "Microsoft.ApiManagement") && is(kind, "service")
}

fn decoded(segment: &str) -> Result<Name<'_>, BadEncoding> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    percent_decode_str(segment).decode_utf8().map_err(|_| BadEncoding)
}

/// The value of a query parameter, decoded; names are compared without regard to case, and `$top` may come as `%24top`.
pub(crate) fn query_value<'a>(query: Option<&'a str>, name: &str) -> Option<Cow<'a, str>> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let matches = if key.contains('%') {
            percent_decode_str(key)
                .decode_utf8()
                .is_ok_and(|key| key.eq_ignore_ascii_case(name))
        } else {
            key.eq_ignore_ascii_case(name)
        };
        matches.then(|| {
            if value.contains(['%', '+']) {
                let spaced = value.replace('+', " ");
                Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
            } else {
                Cow::Borrowed(value)
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_names_are_decoded() {
        let path = "/SUBSCRIPTIONS/s/resourcegroups/g%20h/PROVIDERS/microsoft.apimanagement/Service/c/Backends/a%2Fb/RECONNECT";
        let Ok(Some(Route::Reconnect(service, id))) = Route::of(path) else {
            panic!("not the reconnect of a backend");
        };
        assert_eq!(service.group, "g h");
        assert_eq!(id, "a/b");
    }

    #[test]
    fn paths_that_are_nearly_right_are_unserved() {
        let unserved = || Route::Unserved {
            subscription: "s".into(),
        };
        for path in [
            "/subscriptions/s/other",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/c/apis",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/c/backends/1/reconnect/x",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/c/backends/1/x",
        ] {
            assert_eq!(Route::of(path), Ok(Some(unserved())), "{path}");
        }
        assert_eq!(Route::of("/elsewhere"), Ok(None));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        assert_eq!(Route::of("/subscriptions/%ff"), Err(BadEncoding));
    }

    #[test]
    fn query_values_are_found_under_any_spelling() {
        let query = Some("api-version=2024-05-01&%24top=5&$skip=1+%2B");
        assert_eq!(query_value(query, "API-VERSION").as_deref(), Some("2024-05-01"));
        assert_eq!(query_value(query, "$top").as_deref(), Some("5"));
        assert_eq!(query_value(query, "$skip").as_deref(), Some("1 +"));
        assert_eq!(query_value(query, "other"), None);
    }
}
