//! The proxy of the system's settings: which server it is, and what is reached without it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::os::system_proxy::{self, Settings};
use crate::secret::Secret;

/// What the settings said when a session started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SystemProxy {
    server: Secret,
    exceptions: Vec<String>,
    not_for_simple_names: bool,
}

impl SystemProxy {
    /// As the settings are now.
    pub fn current() -> Option<Self> {
        system_proxy::current().map(Self::of)
    }

    fn of(settings: Settings) -> Self {
        Self {
            server: Secret::new(settings.server),
            exceptions: settings.exceptions,
            not_for_simple_names: settings.not_for_simple_names,
        }
    }

    /// The server for https, with its user name and password.
    pub fn https_server(&self) -> Option<&str> {
        let server = self.server.expose();
        if !server.contains('=') || server.contains("://") && !server.contains(';') {
            return Some(server.trim()).filter(|server| !server.is_empty());
        }
        // Windows: one for each protocol.
        server.split([';', ' ']).find_map(|part| {
            let (protocol, server) = part.split_once('=')?;
            protocol.trim().eq_ignore_ascii_case("https").then_some(server.trim())
        })
    }

    /// Whether a host is reached without the proxy. This machine always is.
    pub fn is_exception(&self, host: &str, is_loopback: bool) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        is_loopback
            || self.not_for_simple_names && !host.contains(['.', ':'])
            || self
                .exceptions
                .iter()
                .any(|exception| matches(&exception.to_ascii_lowercase(), &host))
    }
}

fn matches(exception: &str, host: &str) -> bool {
    if let (Some((network, bits)), Ok(address)) = (exception.split_once('/'), host.parse::<IpAddr>()) {
        return is_in(network, bits, address).unwrap_or(false);
    }
    // A scheme or a port may be given; neither tells https apart here.
    let exception = exception.split_once("://").map_or(exception, |(_, rest)| rest);
    // macOS means the names below a domain by a dot in front, and itself.
    if let Some(domain) = exception.strip_prefix('.') {
        return host == domain || host.ends_with(exception);
    }
    is_like(exception.as_bytes(), host.as_bytes())
}

/// Whether the text is like the pattern, in which `*` stands for anything.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut star) = ((0, 0), None);
    while at.1 < text.len() {
        match pattern.get(at.0) {
            Some(b'*') => {
                star = Some(at);
                at.0 += 1;
            }
            Some(byte) if *byte == text[at.1] => at = (at.0 + 1, at.1 + 1),
            _ => {
                // The last star takes one byte more.
                let Some((pattern_at, text_at)) = star else {
                    return false;
                };
                star = Some((pattern_at, text_at + 1));
                at = (pattern_at + 1, text_at + 1);
            }
        }
    }
    pattern[at.0..].iter().all(|byte| *byte == b'*')
}

/// `169.254/16` is short for `169.254.0.0/16`.
fn is_in(network: &str, bits: &str, address: IpAddr) -> Option<bool> {
    let bits: u32 = bits.parse().ok()?;
    match address {
        IpAddr::V4(address) => {
            let mut parts = network.split('.').map(|part| part.parse::<u8>().ok());
            let network = [0; 4].map(|_: u8| parts.next().unwrap_or(Some(0)));
            let [Some(a), Some(b), Some(c), Some(d)] = network else {
                return None;
            };
            let difference = Ipv4Addr::new(a, b, c, d).to_bits() ^ address.to_bits();
            Some(difference.leading_zeros() >= bits && bits <= 32)
        }
        IpAddr::V6(address) => {
            let difference = network.parse::<Ipv6Addr>().ok()?.to_bits() ^ address.to_bits();
            Some(difference.leading_zeros() >= bits && bits <= 128)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, exceptions: &[&str], not_for_simple_names: bool) -> SystemProxy {
        SystemProxy::of(Settings {
            server: server.to_owned(),
            exceptions: exceptions.iter().map(|&one| one.to_owned()).collect(),
            not_for_simple_names,
        })
    }

    #[test]
    fn the_server_for_https_is_found_in_every_form_with_its_password() {
        let server = |text: &str| proxy(text, &[], false).https_server().map(str::to_owned);
        for (text, expected) in [
            ("proxy:8080", Some("proxy:8080")),
            ("u:p=w@proxy:8080", None),
            ("http://u:p=w@proxy:8080", Some("http://u:p=w@proxy:8080")),
            ("http=a:80;https=u:pw@b:81;ftp=c:82", Some("u:pw@b:81")),
            ("http=a:80;https=http://b:81", Some("http://b:81")),
            ("http=a:80;socks=c:82", None),
            ("  ", None),
        ] {
            assert_eq!(server(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn exceptions_and_this_machine_are_reached_directly() {
        let proxy = proxy(
            "proxy:8080",
            &[
                "*.Contoso.com",
                "10.*",
                "192.168.0.0/16",
                "169.254/16",
                "exact.example",
                ".apple.example",
                "fd00::/8",
            ],
            true,
        );
        for host in [
            "a.contoso.com",
            "a.b.contoso.com",
            "10.1.2.3",
            "192.168.7.7",
            "169.254.169.254",
            "EXACT.example",
            "apple.example",
            "x.apple.example",
            "[fd00::1]",
            "intranet",
        ] {
            assert!(proxy.is_exception(host, false), "{host}");
        }
        for host in [
            "contoso.com",
            "11.0.0.1",
            "192.169.0.1",
            "not-exact.example",
            "management.azure.com",
            "[fe80::1]",
        ] {
            assert!(!proxy.is_exception(host, false), "{host}");
        }
        assert!(proxy.is_exception("127.0.0.1", true));
    }
}
