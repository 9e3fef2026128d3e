//! A certificate authority for one run, and a certificate of it for the loopback names.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::{Duration, OffsetDateTime};

/// What TLS needs, and the certificate that a client must trust.
pub(crate) struct Identity {
    pub(crate) config: Arc<rustls::ServerConfig>,
    pub(crate) ca_pem: String,
}

/// Makes both certificates. `address` is named in the leaf beside the usual loopback names.
pub(crate) fn make(address: IpAddr) -> io::Result<Identity> {
    let now = OffsetDateTime::now_utc();
    // A day back for clocks that disagree; a year on, since some platforms refuse certificates that last too long.
    let (not_before, not_after) = (now - Duration::DAY, now + Duration::days(365));

    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "apim-emulator CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (ca.not_before, ca.not_after) = (not_before, not_after);
    let ca =
        CertifiedIssuer::self_signed(ca, KeyPair::generate().map_err(io::Error::other)?).map_err(io::Error::other)?;

    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !names.contains(&address.to_string()) {
        names.push(address.to_string());
    }
    let mut leaf = CertificateParams::new(names).map_err(io::Error::other)?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (leaf.not_before, leaf.not_after) = (not_before, not_after);
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let leaf = leaf.signed_by(&key, &ca).map_err(io::Error::other)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity {
        config: Arc::new(config),
        ca_pem: ca.pem(),
    })
}
