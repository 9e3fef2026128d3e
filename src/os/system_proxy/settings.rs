//! What the system's settings say of the proxy for https.

/// The settings, as the system has them.
pub(crate) struct Settings {
    /// `host:port`, a URL, or Windows' list (`http=a:80;https=b:80`), with a user name and password where it has them.
    pub server: String,
    /// Hosts that are reached without it: names and addresses, `*` for any part, networks (`10.0.0.0/8`, `169.254/16`).
    pub exceptions: Vec<String>,
    /// Names without a dot are reached without it, too.
    pub not_for_simple_names: bool,
}
