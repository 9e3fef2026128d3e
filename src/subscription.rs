//! The current subscription where Az.Accounts does not give one: the environment's, else the Azure CLI's.

use std::time::Duration;

use serde::Deserialize;

use crate::azure_cli;
use crate::environment::Environment;
use crate::error::{Category, Error, Result};
use crate::os::file;
use crate::resource_id::is_subscription;

const VARIABLE: &str = "AZURE_SUBSCRIPTION_ID";

/// An account has some 500 bytes for each of its subscriptions.
const MAX_PROFILE: usize = 16 * 1024 * 1024;
/// The file is on this machine. A session does not start later than this for want of it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// `azureProfile.json`, as far as it is needed.
#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    subscriptions: Vec<Account>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    id: String,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    tenant_id: Option<String>,
}

/// `AZURE_SUBSCRIPTION_ID`, else the subscription that the Azure CLI works in.
pub(crate) fn current(env: &Environment) -> Result<String> {
    if let Some(value) = env.get(VARIABLE) {
        return from_variable(value.trim());
    }
    let Some(path) = azure_cli::profile(env) else {
        return Err(not_found(
            "and there is no home directory to look for the Azure CLI's settings in",
        ));
    };
    let shown = path.display();
    let bytes = match file::read(&path, MAX_PROFILE, TIMEOUT) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(not_found(&format!(
                "and nobody is signed in to the Azure CLI (there is no '{shown}')"
            )));
        }
        Err(error) => return Err(not_found(&format!("and '{shown}' cannot be read: {error}"))),
    };
    // The Azure CLI writes the file with a byte order mark.
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let profile: Profile = serde_json::from_slice(text)
        .map_err(|error| not_found(&format!("and '{shown}' is not what the Azure CLI writes: {error}")))?;
    profile
        .subscriptions
        .into_iter()
        // An account without a subscription (`az login --allow-no-subscriptions`) is listed under its tenant's id.
        .find(|account| {
            account.is_default && account.tenant_id.as_ref() != Some(&account.id) && is_subscription(&account.id)
        })
        .map(|account| account.id)
        .ok_or_else(|| {
            not_found(&format!(
                "and the Azure CLI has no current subscription ('{shown}' names none)"
            ))
        })
}

fn from_variable(value: &str) -> Result<String> {
    if is_subscription(value) {
        Ok(value.to_owned())
    } else {
        Err(Error::invalid(
            "InvalidSubscriptionId",
            format!("{VARIABLE} is '{value}', which is not a subscription id: a GUID such as 00000000-0000-0000-0000-000000000001."),
        )
        .into_fatal())
    }
}

fn not_found(why: &str) -> Error {
    Error::new(
        "SubscriptionNotFound",
        Category::InvalidArgument,
        format!(
            "No current subscription: {VARIABLE} is not set, {why}. Set {VARIABLE}, or run 'az login' (and 'az account set'), \
             or connect with Connect-AzAccount, or pipe backends whose Id names their subscription."
        ),
    )
    .into_fatal()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ONE: &str = "00000000-0000-0000-0000-000000000001";
    const TWO: &str = "00000000-0000-0000-0000-000000000002";

    fn from_profile(content: &str) -> Result<String> {
        let folder = std::env::temp_dir().join(format!("apimbc-profile-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("azureProfile.json"), content).unwrap();
        let result = current(&Environment::from([("AZURE_CONFIG_DIR", folder.to_str().unwrap())]));
        std::fs::remove_dir_all(&folder).unwrap();
        result
    }

    #[test]
    fn the_variable_wins_and_must_be_a_guid() {
        assert_eq!(
            current(&Environment::from([(VARIABLE, ONE), ("AZURE_CONFIG_DIR", "x")])).unwrap(),
            ONE
        );
        for value in [
            "Production",
            "00000000000000000000000000000001",
            "{00000000-0000-0000-0000-000000000001}",
        ] {
            let error = current(&Environment::from([(VARIABLE, value)])).unwrap_err();
            assert_eq!(error.code, "InvalidSubscriptionId");
            assert!(error.fatal && error.message.contains(value), "{error}");
        }
    }

    #[test]
    fn the_azure_clis_default_is_next() {
        let profile = format!(
            "\u{feff}{{\"installationId\":\"x\",\"subscriptions\":[{{\"id\":\"{ONE}\",\"isDefault\":false}},{{\"id\":\"{TWO}\",\"name\":\"n\",\"tenantId\":\"{ONE}\",\"isDefault\":true}}]}}"
        );
        assert_eq!(from_profile(&profile).unwrap(), TWO);
    }

    #[test]
    fn without_one_the_ways_out_are_named() {
        let tenant_only =
            format!("{{\"subscriptions\":[{{\"id\":\"{ONE}\",\"tenantId\":\"{ONE}\",\"isDefault\":true}}]}}");
        for result in [
            from_profile("{}"),
            from_profile("no JSON"),
            from_profile(&tenant_only),
            current(&Environment::from([])),
            current(&Environment::from([("AZURE_CONFIG_DIR", "no-such-folder")])),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.code, "SubscriptionNotFound");
            assert!(error.fatal);
            for way in ["AZURE_SUBSCRIPTION_ID", "az login", "Connect-AzAccount"] {
                assert!(error.message.contains(way), "{error}");
            }
        }
    }
}
