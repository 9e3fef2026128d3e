//! Applications that sign in by themselves: with a client secret or certificate from the environment, or with the
//! token that Kubernetes (or another federated issuer) puts into a file.

use std::path::PathBuf;

use azure_core::credentials::Secret as SdkSecret;
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::attempt::{Attempt, Context, Refusal};
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
    // All three are given, so that `azure_identity` does not look for them in the process's own environment.
    let credential = WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions {
            client_options: client_options(context),
        },
        client_id: Some(client.trim().to_owned()),
        tenant_id: Some(tenant.trim().to_owned()),
        token_file_path: Some(PathBuf::from(file)),
    }));
    ask(credential, context, Refusal::Failed).await
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
    let password = env
        .get(CERTIFICATE_PASSWORD)
        .map(|password| Secret::new(password.to_owned()));
    // Decrypting a key is made slow on purpose; the engine's one thread must not wait for it.
    let certificate = tokio::task::spawn_blocking(move || ClientCertificate::read(&path, password.as_ref()))
        .await
        .map_err(|_| Refusal::Failed("reading the certificate was cancelled".to_owned()))?
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
