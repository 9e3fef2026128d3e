//! Applications that sign in by themselves: with a client secret or certificate from the environment, or with the
//! token that Kubernetes (or another federated issuer) puts into a file.

use std::path::PathBuf;

use async_trait::async_trait;
use azure_core::credentials::Secret as SdkSecret;
use azure_core::error::Result as SdkResult;
use azure_core::http::ClientMethodOptions;
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions,
};

use super::attempt::{Attempt, Context, Refusal};
use super::blocking;
use super::client_certificate::{Assertion, ClientCertificate};
use super::sdk::{ask, client_options};
use crate::environment::Environment;
use crate::secret::Secret;

const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
const CERTIFICATE_PASSWORD: &str = "AZURE_CLIENT_CERTIFICATE_PASSWORD";
const SEND_CHAIN: &str = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// A token of Kubernetes has some 2 KB, one in a cloud's own form a few more.
const MAX_TOKEN_FILE: usize = 64 * 1024;

/// What an application of this environment proves itself with. A secret wins over a certificate, as in the SDKs.
pub(super) fn secret_form(env: &Environment) -> Option<&'static str> {
    if env.get(SECRET).is_some() {
        Some("client secret")
    } else if env.get(CERTIFICATE).is_some() {
        Some("client certificate")
    } else {
        None
    }
}

/// The application that the environment describes whole.
pub(super) async fn from_environment(context: &Context) -> Attempt {
    let env = &context.env;
    let mut missing: Vec<&str> = [TENANT, CLIENT]
        .into_iter()
        .filter(|name| env.get(name).is_none())
        .collect();
    if secret_form(env).is_none() {
        missing.push("AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH)");
    }
    let (Some(tenant), Some(client), Some(_)) = (env.get(TENANT), env.get(CLIENT), secret_form(env)) else {
        return Err(not_set(&missing));
    };
    let (tenant, client) = (tenant.trim(), client.trim());
    match env.get(SECRET) {
        Some(secret) => with_secret(context, tenant, client, secret.trim()).await,
        None => with_certificate(context, tenant, client).await,
    }
}

/// The identity of a Kubernetes workload.
pub(super) async fn workload_identity(context: &Context) -> Attempt {
    let env = &context.env;
    let (Some(tenant), Some(client), Some(file)) = (env.get(TENANT), env.get(CLIENT), env.get(TOKEN_FILE)) else {
        let missing: Vec<&str> = [TENANT, CLIENT, TOKEN_FILE]
            .into_iter()
            .filter(|name| env.get(name).is_none())
            .collect();
        return Err(not_set(&missing));
    };
    let path = PathBuf::from(file);
    let assertion = blocking::read(path, MAX_TOKEN_FILE)
        .await
        .map_err(|why| Refusal::Failed(format!("{TOKEN_FILE} is '{file}', which cannot be read: {why}")))?;
    let assertion = std::str::from_utf8(&assertion)
        .map(|text| FederatedToken(Secret::of(text.trim())))
        .map_err(|_| Refusal::Failed(format!("{TOKEN_FILE} is '{file}', which is not text")))?;
    // Not `azure_identity`'s own credential for this: it reads the file on the engine's one thread.
    let credential = ClientAssertionCredential::new(
        tenant.trim().to_owned(),
        client.trim().to_owned(),
        assertion,
        Some(ClientAssertionCredentialOptions {
            client_options: client_options(context),
        }),
    );
    ask(credential, context, Refusal::Failed).await
}

/// What another issuer says of this workload. It is read anew for each request, since the issuer replaces it.
#[derive(Debug)]
struct FederatedToken(Secret);

#[async_trait]
impl ClientAssertion for FederatedToken {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> SdkResult<String> {
        Ok(self.0.expose().to_owned())
    }
}

async fn with_secret(context: &Context, tenant: &str, client: &str, secret: &str) -> Attempt {
    let credential = ClientSecretCredential::new(
        tenant,
        client.to_owned(),
        SdkSecret::new(secret.to_owned()),
        Some(ClientSecretCredentialOptions {
            client_options: client_options(context),
        }),
    );
    ask(credential, context, Refusal::Failed).await
}

/// `azure_identity`'s own certificate credential needs OpenSSL, so its assertion credential is used with an assertion
/// that is signed here.
async fn with_certificate(context: &Context, tenant: &str, client: &str) -> Attempt {
    let env = &context.env;
    let path = PathBuf::from(env.get(CERTIFICATE).unwrap_or_default());
    let password = env.get(CERTIFICATE_PASSWORD).map(Secret::of);
    // Decrypting a key is made slow on purpose.
    let certificate = blocking::run(move || ClientCertificate::read(&path, password.as_ref()))
        .await
        .and_then(|read| read)
        .map_err(|why| Refusal::Failed(format!("{CERTIFICATE}: {why}")))?;
    let send_chain = env
        .get(SEND_CHAIN)
        .is_some_and(|value| matches!(value.trim(), "1" | "true" | "True" | "TRUE"));
    let assertion = Assertion::new(
        certificate,
        client.to_owned(),
        format!("{}/{tenant}/oauth2/v2.0/token", context.cloud.authority),
        send_chain,
    );
    let credential = ClientAssertionCredential::new(
        tenant.to_owned(),
        client.to_owned(),
        assertion,
        Some(ClientAssertionCredentialOptions {
            client_options: client_options(context),
        }),
    );
    ask(credential, context, Refusal::Failed).await
}

fn not_set(missing: &[&str]) -> Refusal {
    Refusal::Unavailable(format!("not set: {}", missing.join(", ")))
}
