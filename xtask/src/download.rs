//! Downloads one file.

use std::time::Duration;

use anyhow::{Context, Result};

/// The bytes behind an https address. Proxy variables and the system's trust store are honoured.
pub(crate) fn download(url: &str) -> Result<Vec<u8>> {
    crate::tls::install_provider();
    let client = reqwest::Client::builder()
        .https_only(true)
        .connect_timeout(Duration::from_secs(20))
        .read_timeout(Duration::from_secs(60))
        .build()
        .context("no HTTPS client can be made")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = client.get(url).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    })
}
