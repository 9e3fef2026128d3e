//! Where the Azure CLI and the Azure Developer CLI keep what they know of the accounts that are signed in.

use std::path::PathBuf;

use crate::environment::Environment;

/// The Azure CLI's subscriptions. `az login`, `az logout` and `az account set` write the file.
pub(crate) fn profile(env: &Environment) -> Option<PathBuf> {
    Some(folder(env, "AZURE_CONFIG_DIR", ".azure")?.join("azureProfile.json"))
}

/// The Azure Developer CLI's account. `azd auth login` and `azd auth logout` write the file.
pub(crate) fn developer_account(env: &Environment) -> Option<PathBuf> {
    Some(folder(env, "AZD_CONFIG_DIR", ".azd")?.join("auth.json"))
}

fn folder(env: &Environment, variable: &str, in_home: &str) -> Option<PathBuf> {
    match env.get(variable) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Some(PathBuf::from(env.home()?).join(in_home)),
    }
}
