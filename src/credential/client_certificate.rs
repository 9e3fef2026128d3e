//! An application's certificate with its private key, from a PEM or PFX (PKCS #12) file, and the signed assertion by
//! which the application proves that it holds the key.

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind, Result as SdkResult};
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use p12_keystore::Pkcs12Archive;
use pkcs8::EncryptedPrivateKeyInfoRef;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::{PemObject, SectionKind};
use serde_json::json;
use zeroize::Zeroizing;

use super::blocking::TIMEOUT;
use crate::os::file;
use crate::secret::Secret;

/// A key and a long chain have some 20 KB.
const MAX_FILE: usize = 1024 * 1024;
/// How long an assertion can be used. One is made for each request, so this only has to bridge clocks that differ.
const ASSERTION_SECONDS: u64 = 600;

/// A certificate, those that vouch for it, and its RSA key (Microsoft Entra ID takes no other kind).
pub(super) struct ClientCertificate {
    key: RsaKeyPair,
    /// DER, the application's own first.
    chain: Vec<Vec<u8>>,
}

impl ClientCertificate {
    /// Reads the file; the reason is for a person.
    pub fn read(path: &Path, password: Option<&Secret>) -> Result<Self, String> {
        let shown = path.display();
        let bytes = file::read(path, MAX_FILE, TIMEOUT).map_err(|why| format!("'{shown}' cannot be read: {why}"))?;
        Self::parse(&bytes, password).map_err(|why| format!("'{shown}' {why}"))
    }

    fn parse(bytes: &[u8], password: Option<&Secret>) -> Result<Self, String> {
        let is_pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
        let (key, certificates) = if is_pem {
            from_pem(bytes, password)?
        } else {
            from_pfx(bytes, password)?
        };
        // The certificate holds the public key as this very DER.
        let public = key.public_key().as_ref();
        let (mut chain, others): (Vec<_>, Vec<_>) = certificates
            .into_iter()
            .partition(|certificate| certificate.windows(public.len()).any(|window| window == public));
        if chain.is_empty() {
            return Err("holds no certificate that belongs to its private key".to_owned());
        }
        chain.truncate(1);
        chain.extend(others);
        Ok(Self { key, chain })
    }
}

fn from_pem(bytes: &[u8], password: Option<&Secret>) -> Result<(RsaKeyPair, Vec<Vec<u8>>), String> {
    let mut key = None;
    let mut certificates = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, der) = section.map_err(|why| format!("is not a usable PEM file: {why}"))?;
        match kind {
            SectionKind::Certificate => certificates.push(der),
            SectionKind::PrivateKey => key = Some(rsa_key(&Zeroizing::new(der))?),
            SectionKind::RsaPrivateKey => {
                key = Some(RsaKeyPair::from_der(&Zeroizing::new(der)).map_err(unusable_key)?);
            }
            SectionKind::EcPrivateKey => return Err(unusable_key("it is an elliptic-curve key")),
            _ => {}
        }
    }
    if key.is_none() {
        key = encrypted_key(bytes, password)?;
    }
    Ok((key.ok_or("holds no private key")?, certificates))
}

/// A key under a password. The PEM reader above has no kind for these sections.
fn encrypted_key(bytes: &[u8], password: Option<&Secret>) -> Result<Option<RsaKeyPair>, String> {
    const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let text = String::from_utf8_lossy(bytes);
    let Some(body) = text
        .split_once(BEGIN)
        .and_then(|(_, rest)| Some(rest.split_once(END)?.0))
    else {
        return Ok(None);
    };
    let password = password.ok_or("holds an encrypted key: set AZURE_CLIENT_CERTIFICATE_PASSWORD")?;
    let body: String = body.split_whitespace().collect();
    let der = BASE64_STANDARD
        .decode(body)
        .map_err(|why| format!("is not a usable PEM file: {why}"))?;
    let key = EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
        .map_err(|why| format!("holds an encrypted key that cannot be read: {why}"))?
        .decrypt(password.expose())
        .map_err(|_| {
            "holds a key that AZURE_CLIENT_CERTIFICATE_PASSWORD does not open (or that is encrypted by an old method; PBES2 is read)"
        })?;
    rsa_key(key.as_bytes()).map(Some)
}

fn from_pfx(bytes: &[u8], password: Option<&Secret>) -> Result<(RsaKeyPair, Vec<Vec<u8>>), String> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password.map_or("", Secret::expose)).map_err(|why| {
        let password = if password.is_some() {
            "does it have another password?"
        } else {
            "does it have a password?"
        };
        format!("is neither PEM nor a PFX that AZURE_CLIENT_CERTIFICATE_PASSWORD opens ({why}; {password})")
    })?;
    let key = archive.keys.first().ok_or("holds no private key")?;
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect();
    Ok((rsa_key(key.key.as_der())?, certificates))
}

fn rsa_key(pkcs8: &[u8]) -> Result<RsaKeyPair, String> {
    RsaKeyPair::from_pkcs8(pkcs8).map_err(unusable_key)
}

fn unusable_key(why: impl fmt::Display) -> String {
    format!("holds a key that cannot be used ({why}); an RSA key of 2048 bits or more is needed")
}

/// Makes the assertions of one application.
pub(super) struct Assertion {
    certificate: ClientCertificate,
    client: String,
    audience: String,
    /// Whether the certificates go along, for applications that trust an issuer and a name (subject name and issuer
    /// authentication) and not one certificate.
    send_chain: bool,
}

impl Assertion {
    /// `audience` is the address of the token endpoint.
    pub fn new(certificate: ClientCertificate, client: String, audience: String, send_chain: bool) -> Self {
        Self {
            certificate,
            client,
            audience,
            send_chain,
        }
    }

    /// As Microsoft Entra ID documents it: PS256 over the claims, the certificate named by its SHA-256 thumbprint.
    fn sign(&self, now: SystemTime) -> Option<String> {
        let ClientCertificate { key, chain } = &self.certificate;
        let mut header = json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, chain.first()?)),
        });
        if self.send_chain {
            header["x5c"] = chain
                .iter()
                .map(|der| BASE64_STANDARD.encode(der))
                .collect::<Vec<_>>()
                .into();
        }
        let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let claims = json!({
            "aud": self.audience,
            "iss": self.client,
            "sub": self.client,
            "jti": uuid::Uuid::new_v4().to_string(),
            "nbf": now,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        });
        let mut token = [header, claims]
            .map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .ok()?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> SdkResult<String> {
        self.sign(SystemTime::now())
            .ok_or_else(|| Error::with_message(ErrorKind::Credential, "the certificate's key could not sign"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::path::PathBuf;
    use std::time::Duration;

    use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    const PASSWORD: &str = "correct-horse";

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/credentials/certificates")
            .join(name)
    }

    fn read(name: &str, password: Option<&str>) -> Result<ClientCertificate, String> {
        ClientCertificate::read(&file(name), password.map(|text| Secret::new(text.to_owned())).as_ref())
    }

    fn assertion(name: &str, password: Option<&str>, send_chain: bool) -> (Value, Value, String) {
        let certificate = read(name, password).unwrap();
        let public = certificate.key.public_key().as_ref().to_vec();
        let assertion = Assertion::new(
            certificate,
            "client".into(),
            "https://login.example/t/oauth2/v2.0/token".into(),
            send_chain,
        );
        let token = assertion.sign(UNIX_EPOCH + Duration::from_secs(1_000)).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public)
            .verify(signed.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap())
            .expect("the certificate's key signed it");
        let (header, claims) = signed.split_once('.').unwrap();
        let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
        (
            serde_json::from_slice(&header).unwrap(),
            serde_json::from_slice(&claims).unwrap(),
            token,
        )
    }

    #[test]
    fn every_common_form_of_file_gives_the_same_certificate() {
        let (expected, _, _) = assertion("pkcs8.pem", None, false);
        for (name, password) in [
            ("pkcs1.pem", None),
            ("encrypted.pem", Some(PASSWORD)),
            ("modern.pfx", Some(PASSWORD)),
            ("triple-des.pfx", Some(PASSWORD)),
            ("no-password.pfx", None),
        ] {
            let (header, _, _) = assertion(name, password, false);
            assert_eq!(header, expected, "{name}");
        }
    }

    #[test]
    fn the_assertion_says_who_to_whom_and_for_how_long() {
        let (header, claims, _) = assertion("pkcs8.pem", None, false);
        assert_eq!((&header["alg"], &header["typ"]), (&json!("PS256"), &json!("JWT")));
        // The thumbprint as `openssl x509 -fingerprint -sha256` shows it, in base64url.
        assert_eq!(header["x5t#S256"], THUMBPRINT);
        assert!(header.get("x5c").is_none());
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client"), &json!("client")));
        assert_eq!(claims["aud"], "https://login.example/t/oauth2/v2.0/token");
        assert_eq!((&claims["nbf"], &claims["exp"]), (&json!(1_000), &json!(1_600)));
        let (_, other, _) = assertion("pkcs8.pem", None, false);
        assert_ne!(claims["jti"], other["jti"]);
    }

    #[test]
    fn the_chain_goes_along_own_certificate_first_where_it_is_wanted() {
        let (header, _, _) = assertion("pkcs8.pem", None, true);
        let chain = header["x5c"].as_array().unwrap();
        assert_eq!(chain.len(), 2);
        let own = BASE64_STANDARD.decode(chain[0].as_str().unwrap()).unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &own)), THUMBPRINT);
    }

    #[test]
    fn an_unusable_file_is_refused_with_the_reason_and_without_the_password() {
        for (name, password, reason) in [
            ("encrypted.pem", None, "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
            ("encrypted.pem", Some("wrong-pass"), "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
            ("modern.pfx", None, "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
            (
                "triple-des.pfx",
                Some("wrong-pass"),
                "AZURE_CLIENT_CERTIFICATE_PASSWORD",
            ),
            ("elliptic-curve.pem", None, "RSA"),
            ("other-key.pem", None, "no certificate that belongs"),
            ("README.md", None, "neither PEM nor a PFX"),
            ("missing.pem", None, "cannot be read"),
        ] {
            let why = read(name, password).err().unwrap_or_else(|| panic!("{name} was read"));
            assert!(
                why.contains(reason) && why.contains(name) && !why.contains("wrong-pass"),
                "{name}: {why}"
            );
        }
    }

    const THUMBPRINT: &str = "lAoT9-SrTTxb0Vd719Uw2nTC9kyrKBKUW0FpCgzOtXo";
}
