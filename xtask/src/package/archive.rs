//! Archives with no time, owner or chance in them: the same files give the same bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use anyhow::Result;
use zip::write::SimpleFileOptions;

/// The contents of files by their names inside an archive, with slashes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A zip archive. `first` are entries that some readers want before all others.
pub fn zip(first: &[(String, Vec<u8>)], files: &Files) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o644);
    let first = first.iter().map(|(name, bytes)| (name, bytes));
    for (name, bytes) in first.chain(files) {
        zip.start_file(name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// A tar archive, compressed with gzip.
pub fn tar_gz(files: &Files) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    Ok(tar.into_inner()?.finish()?)
}
