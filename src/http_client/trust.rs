//! Whom TLS trusts: the authorities in the session's `SSL_CERT_FILE` and `SSL_CERT_DIR`, and the system's. On Windows and
//! macOS both count, elsewhere those that are named count in place of the system's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::os::file;

pub(super) const CERT_FILE: &str = "SSL_CERT_FILE";
const CERT_DIR: &str = "SSL_CERT_DIR";

/// The system's store has some 200 KB.
const MAX_FILE: usize = 16 * 1024 * 1024;
/// A session does not start later than this for want of a file.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where Linux distributions keep the certificates that they trust, as Go's `crypto/x509` looks for them
/// (root_linux.go): the first file that is there, else the folders.
const SYSTEM_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Windows and macOS judge certificates themselves; elsewhere the system has files.
pub(super) const SYSTEM_HAS_A_VERIFIER: bool = cfg!(any(windows, target_vendor = "apple"));

/// Which files say whom to trust, and in what state they are: one that is mended makes another value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trust {
    file: Option<Dated>,
    folders: Vec<Folder>,
    /// The system's own, where they are files and none is named.
    system: Vec<Dated>,
}

/// A file as it was at a time.
#[derive(Debug, Clone, PartialEq)]
struct Dated {
    path: PathBuf,
    state: Option<State>,
}

#[derive(Debug, Clone, PartialEq)]
struct State {
    length: u64,
    modified: Option<SystemTime>,
    /// On Unix, the number of the file and when it was changed in any way: two writes in one tick of the clock, or of a
    /// file whose time is set back, are told apart by neither of the others.
    changed: Option<(u64, i64, i64)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Folder {
    path: PathBuf,
    /// `None`: it cannot be read.
    files: Option<Vec<Dated>>,
}

impl Trust {
    /// Looks at the files without opening them.
    pub fn of(env: &Environment) -> Self {
        let file = env.get(CERT_FILE).map(|path| Dated::now(path.into()));
        let folders: Vec<Folder> = env
            .get(CERT_DIR)
            .into_iter()
            .flat_map(std::env::split_paths)
            .map(Folder::now)
            .collect();
        let system = if SYSTEM_HAS_A_VERIFIER || file.is_some() || !folders.is_empty() {
            Vec::new()
        } else {
            system_files(&SYSTEM_FILES, &SYSTEM_FOLDERS)
        };
        Self { file, folders, system }
    }

    /// Reads the files; the calling thread waits for them. `at_once`: the verdict is needed in the handshake.
    pub fn verifier(&self, provider: &Arc<CryptoProvider>, at_once: bool) -> Result<Arc<dyn ServerCertVerifier>> {
        let named = self.named()?;
        #[cfg(not(any(windows, target_vendor = "apple")))]
        let _ = at_once;
        #[cfg(any(windows, target_vendor = "apple"))]
        {
            use super::verdicts::Verdicts;
            match rustls_platform_verifier::Verifier::new_with_extra_roots(named.clone(), Arc::clone(provider)) {
                Ok(system) if at_once => return Ok(Arc::new(system)),
                Ok(system) => return Ok(Arc::new(Verdicts::of(Arc::new(system)))),
                Err(error) if named.is_empty() => {
                    return Err(unusable(format!(
                        "The system's trusted certificates cannot be used: {error}."
                    )));
                }
                // Those that are named have to do.
                Err(_) => {}
            }
        }
        let trusted = if named.is_empty() {
            self.system
                .iter()
                .flat_map(|file| certificates_of(&file.path).unwrap_or_default())
                .collect()
        } else {
            named
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(trusted);
        if store.is_empty() {
            return Err(unusable(format!(
                "The system's trusted certificates cannot be read: there are none where distributions keep them. Install them (the package is called ca-certificates), or name a PEM file in {CERT_FILE}."
            )));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
        match verifier {
            Ok(verifier) => Ok(verifier),
            Err(error) => Err(unusable(format!("TLS cannot be set up: {error}."))),
        }
    }

    /// The certificates of `SSL_CERT_FILE` and `SSL_CERT_DIR`, each once.
    fn named(&self) -> Result<Vec<CertificateDer<'static>>> {
        let mut named = Vec::new();
        if let Some(Dated { path, .. }) = &self.file {
            let shown = path.display();
            let found = certificates_of(path)
                .map_err(|why| unusable(format!("{CERT_FILE} is '{shown}', which cannot be read: {why}.")))?;
            if found.is_empty() {
                return Err(unusable(format!(
                    "{CERT_FILE} is '{shown}', in which there is no PEM certificate."
                )));
            }
            named.extend(found);
        }
        for Folder { path, files } in &self.folders {
            let files = files
                .as_ref()
                .ok_or_else(|| unusable(format!("{CERT_DIR} is '{}', which cannot be read.", path.display())))?;
            for file in files {
                // Such folders hold other files too (keys, revocation lists, hashes of names).
                named.extend(certificates_of(&file.path).unwrap_or_default());
            }
        }
        named.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        named.dedup();
        Ok(named)
    }
}

impl Dated {
    fn now(path: PathBuf) -> Self {
        let state = std::fs::metadata(&path).ok().map(|metadata| State {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            changed: changed(&metadata),
        });
        Self { path, state }
    }
}

#[cfg(unix)]
fn changed(metadata: &std::fs::Metadata) -> Option<(u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn changed(_: &std::fs::Metadata) -> Option<(u64, i64, i64)> {
    None
}

impl Folder {
    fn now(path: PathBuf) -> Self {
        let files = std::fs::read_dir(&path).ok().map(|entries| {
            let mut files: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|file| file.is_file())
                .collect();
            files.sort_unstable();
            files.into_iter().map(Dated::now).collect()
        });
        Self { path, files }
    }
}

fn system_files(files: &[&str], folders: &[&str]) -> Vec<Dated> {
    match files.iter().find(|file| Path::new(file).exists()) {
        Some(file) => vec![Dated::now(file.into())],
        None => folders
            .iter()
            .flat_map(|folder| Folder::now(folder.into()).files.unwrap_or_default())
            .collect(),
    }
}

fn certificates_of(path: &Path) -> std::result::Result<Vec<CertificateDer<'static>>, String> {
    let bytes = file::read(path, MAX_FILE, TIMEOUT).map_err(|why| why.to_string())?;
    CertificateDer::pem_slice_iter(&bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|why| why.to_string())
}

pub(super) fn unusable(message: String) -> Error {
    Error::invalid("InvalidOptions", message).into_fatal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_store_is_a_file_or_folders_and_is_another_when_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (first, second, certificates) = (path("first"), path("second"), path("certificates"));
        std::fs::create_dir(&certificates).unwrap();
        std::fs::write(format!("{certificates}/one.pem"), "1").unwrap();
        let look = || system_files(&[&first, &second], &[&certificates, "/no/such/folder"]);
        let folders = look();
        assert_eq!(folders.len(), 1);
        std::fs::write(format!("{certificates}/one.pem"), "2").unwrap();
        assert_ne!(look(), folders, "of the same length, and in the same moment");
        std::fs::write(&second, "1").unwrap();
        let file = look();
        assert_eq!(file[0].path, Path::new(&second));
        assert_eq!(look(), file);
        std::fs::write(&second, "2").unwrap();
        assert_ne!(look(), file);
    }
}
