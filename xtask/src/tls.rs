//! TLS of this process's own HTTP clients.

/// Makes `ring` the process's provider of cryptography. Calling it again does nothing.
pub(crate) fn install_provider() {
    // An error says that a provider is there already, put there by an earlier call.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
