//! Which cloud is addressed: Azure Resource Manager's base URL, the authority that issues tokens, and the audience
//! that tokens are asked for.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::environment::Environment;
use crate::error::{Category, Error, Result};
use crate::secret::mask_user_info;

/// The addresses of one Azure cloud. None ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cloud {
    /// Azure Resource Manager's base URL.
    pub endpoint: String,
    /// The base URL of the service that issues tokens (Microsoft Entra ID).
    pub authority: String,
    /// The resource that tokens are asked for.
    pub audience: String,
}

/// A cloud of Microsoft's own, known by name and by host.
struct KnownCloud {
    /// The name that the Azure SDKs know it by in `AZURE_CLOUD`.
    name: &'static str,
    endpoint_host: &'static str,
    authority_host: &'static str,
}

const KNOWN: [KnownCloud; 3] = [
    KnownCloud {
        name: "AZURE_PUBLIC_CLOUD",
        endpoint_host: "management.azure.com",
        authority_host: "login.microsoftonline.com",
    },
    KnownCloud {
        name: "AZURE_US_GOVERNMENT",
        endpoint_host: "management.usgovcloudapi.net",
        authority_host: "login.microsoftonline.us",
    },
    KnownCloud {
        name: "AZURE_CHINA_CLOUD",
        endpoint_host: "management.chinacloudapi.cn",
        authority_host: "login.chinacloudapi.cn",
    },
];

const ENDPOINT_VARIABLE: &str = "AZURE_RESOURCE_MANAGER_ENDPOINT";
const AUTHORITY_VARIABLE: &str = "AZURE_AUTHORITY_HOST";
const CLOUD_VARIABLE: &str = "AZURE_CLOUD";

impl Cloud {
    /// The cloud of the given endpoint, else of the environment, else the public one. Of the variables,
    /// `AZURE_RESOURCE_MANAGER_ENDPOINT` says most, then `AZURE_CLOUD`, then `AZURE_AUTHORITY_HOST` where it is the
    /// login host of a known cloud.
    pub fn resolve(env: &Environment, endpoint: Option<&str>, audience: Option<&str>) -> Result<Self> {
        let authority = match env.get(AUTHORITY_VARIABLE) {
            Some(value) => Some(authority_url(value)?),
            None => None,
        };
        let endpoint = match (endpoint, env.get(ENDPOINT_VARIABLE)) {
            (Some(value), _) => endpoint_url(value, "The endpoint")?,
            (None, Some(value)) => endpoint_url(value, ENDPOINT_VARIABLE)?,
            (None, None) => known_endpoint(env, authority.as_ref())?,
        };
        let known = KNOWN
            .iter()
            .find(|known| endpoint.host_str() == Some(known.endpoint_host));
        let authority = match (authority, known) {
            (Some(url), _) => without_trailing_slash(&url),
            (None, Some(known)) => format!("https://{}", known.authority_host),
            (None, None) => format!("https://{}", KNOWN[0].authority_host),
        };
        let endpoint = without_trailing_slash(&endpoint);
        let audience = audience
            .map_or(endpoint.as_str(), |text| text.trim().trim_end_matches('/'))
            .to_owned();
        Ok(Self {
            endpoint,
            authority,
            audience,
        })
    }
}

/// The endpoint where nothing names one: that of the cloud that the environment points to.
fn known_endpoint(env: &Environment, authority: Option<&Url>) -> Result<Url> {
    let known = match env.get(CLOUD_VARIABLE) {
        Some(name) => Some(
            KNOWN
                .iter()
                .find(|known| known.name.eq_ignore_ascii_case(name.trim()))
                .ok_or_else(|| unknown_cloud(name))?,
        ),
        None => KNOWN
            .iter()
            .find(|known| authority.and_then(Url::host_str) == Some(known.authority_host)),
    };
    let host = known.unwrap_or(&KNOWN[0]).endpoint_host;
    endpoint_url(&format!("https://{host}"), ENDPOINT_VARIABLE)
}

fn unknown_cloud(name: &str) -> Error {
    let names = KNOWN.map(|known| known.name).join(", ");
    Error::invalid(
        "InvalidEndpoint",
        format!("{CLOUD_VARIABLE} is '{name}'; known are {names}. For any other cloud set {ENDPOINT_VARIABLE} and {AUTHORITY_VARIABLE} instead."),
    )
    .into_fatal()
}

/// Plain http would show the bearer token to everyone on the way, so only this machine may be reached with it.
fn endpoint_url(value: &str, source: &str) -> Result<Url> {
    let url = base_url(value, source)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(insecure(
            &url,
            source,
            "Azure Resource Manager's tokens are only sent over https (http is for this machine's loopback addresses)",
        )),
    }
}

/// Client secrets go to the authority, and `azure_identity` itself accepts https only.
fn authority_url(value: &str) -> Result<Url> {
    let value = value.trim();
    // The Azure SDKs take a bare host name here.
    let value = if value.contains("://") {
        value.to_owned()
    } else {
        format!("https://{value}")
    };
    let url = base_url(&value, AUTHORITY_VARIABLE)?;
    if url.scheme() == "https" {
        Ok(url)
    } else {
        Err(insecure(
            &url,
            AUTHORITY_VARIABLE,
            "credentials are only sent over https",
        ))
    }
}

fn base_url(value: &str, source: &str) -> Result<Url> {
    let refuse = |why: &str| {
        Err(Error::invalid(
            "InvalidEndpoint",
            format!("{source} {why}. Give a base URL such as https://management.azure.com."),
        )
        .into_fatal())
    };
    // It may hold a password however wrong it is.
    let shown = mask_user_info(value);
    let Ok(url) = Url::parse(value.trim()) else {
        return refuse(&format!("is '{shown}', which is not an absolute URL"));
    };
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return refuse(&format!("is '{shown}', which is not an http(s) URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The value is not shown: it holds a password.
        return refuse("contains a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse(&format!("is '{shown}', which has a query or fragment"));
    }
    Ok(url)
}

fn insecure(url: &Url, source: &str, why: &str) -> Error {
    Error::new(
        "InsecureEndpoint",
        Category::SecurityError,
        format!("{source} is '{url}', but {why}. Use https."),
    )
    .into_fatal()
}

/// Whether the URL's host can only be this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address == Ipv6Addr::LOCALHOST || address.to_ipv4_mapped().is_some_and(|v4: Ipv4Addr| v4.is_loopback())
        }
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

fn without_trailing_slash(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve<const N: usize>(variables: [(&str, &str); N], endpoint: Option<&str>) -> Result<Cloud> {
        Cloud::resolve(&Environment::from(variables), endpoint, None)
    }

    #[track_caller]
    fn assert_cloud(cloud: Result<Cloud>, endpoint: &str, authority: &str, audience: &str) {
        let expected = Cloud {
            endpoint: endpoint.to_owned(),
            authority: authority.to_owned(),
            audience: audience.to_owned(),
        };
        assert_eq!(cloud, Ok(expected));
    }

    #[test]
    fn the_public_cloud_is_the_default() {
        let arm = "https://management.azure.com";
        assert_cloud(resolve([], None), arm, "https://login.microsoftonline.com", arm);
    }

    #[test]
    fn known_clouds_are_found_by_endpoint_by_authority_and_by_name() {
        for (name, arm, login) in [
            (
                "AZURE_US_GOVERNMENT",
                "https://management.usgovcloudapi.net",
                "https://login.microsoftonline.us",
            ),
            (
                "AZURE_CHINA_CLOUD",
                "https://management.chinacloudapi.cn",
                "https://login.chinacloudapi.cn",
            ),
        ] {
            assert_cloud(resolve([], Some(&format!("{arm}/"))), arm, login, arm);
            assert_cloud(
                resolve([("AZURE_RESOURCE_MANAGER_ENDPOINT", arm)], None),
                arm,
                login,
                arm,
            );
            assert_cloud(resolve([("AZURE_AUTHORITY_HOST", login)], None), arm, login, arm);
            assert_cloud(resolve([("AZURE_CLOUD", name)], None), arm, login, arm);
        }
    }

    #[test]
    fn other_clouds_are_named_by_their_own_addresses() {
        let variables = [
            (
                "AZURE_RESOURCE_MANAGER_ENDPOINT",
                "https://management.local.azurestack.external/",
            ),
            ("AZURE_AUTHORITY_HOST", "login.azurestack.external"),
        ];
        let arm = "https://management.local.azurestack.external";
        assert_cloud(resolve(variables, None), arm, "https://login.azurestack.external", arm);
        let cloud = Cloud::resolve(
            &Environment::from(variables),
            None,
            Some("https://management.x.onmicrosoft.com/1"),
        );
        assert_eq!(cloud.unwrap().audience, "https://management.x.onmicrosoft.com/1");
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for url in [
            "http://127.0.0.1:8080",
            "http://127.8.8.8",
            "http://[::1]:1",
            "http://localhost:1",
        ] {
            assert_eq!(resolve([], Some(url)).unwrap().endpoint, url);
        }
        for url in [
            "http://management.azure.com",
            "http://128.0.0.1",
            "http://localhost.example.com",
            "http://[::2]/",
        ] {
            let error = resolve([], Some(url)).unwrap_err();
            assert_eq!(error.code, "InsecureEndpoint", "{url}");
            assert!(error.fatal && error.message.contains("https"), "{error}");
        }
        let error = resolve([("AZURE_AUTHORITY_HOST", "http://127.0.0.1")], None).unwrap_err();
        assert_eq!(error.code, "InsecureEndpoint");
    }

    #[test]
    fn unusable_endpoints_are_refused_by_name_without_their_password() {
        for url in [
            "management.azure.com",
            "ftp://x",
            "https://x?a=b",
            "https://",
            "https://user:hunter2@x",
            "user:hunter2@x",
            "https:/user:hunter2@x",
            "https://user:hunter2@x:port",
            "ftp://user:hunter2@x",
            "https://user:hunter2@x?a=b",
        ] {
            let error = resolve([("AZURE_RESOURCE_MANAGER_ENDPOINT", url)], None).unwrap_err();
            assert_eq!(error.code, "InvalidEndpoint", "{url}");
            assert!(error.message.contains("AZURE_RESOURCE_MANAGER_ENDPOINT"), "{error}");
            assert!(!error.message.contains("hunter2"), "{error}");
            if let Err(error) = resolve([("AZURE_AUTHORITY_HOST", url)], None) {
                assert!(!error.message.contains("hunter2"), "{error}");
            }
        }
        assert_eq!(
            resolve([("AZURE_CLOUD", "mars")], None).unwrap_err().code,
            "InvalidEndpoint"
        );
    }
}
