//! The chain of sources that the Azure SDKs' `DefaultAzureCredential` tries, in its order. The first that is
//! configured wins and is kept; one that is configured and fails ends the search, as in the SDKs, so that a wrong
//! secret is never covered up by an account that happens to be signed in to the Azure CLI.

use super::attempt::{Attempt, Context, Refusal};
use super::token::AccessToken;
use super::{command_line, managed_identity, service_principal};
use crate::environment::Environment;
use crate::error::{Category, Error, Result};

/// The variable by which the SDKs narrow the chain.
const SELECTION_VARIABLE: &str = "AZURE_TOKEN_CREDENTIALS";

/// The longest reason that is shown of one source, so that all fit on one screen.
const LONGEST_REASON: usize = 300;

/// The sources, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
    AzureDeveloperCli,
}

impl Source {
    const ALL: [Self; 5] = [
        Self::Environment,
        Self::WorkloadIdentity,
        Self::ManagedIdentity,
        Self::AzureCli,
        Self::AzureDeveloperCli,
    ];

    /// The name that `AZURE_TOKEN_CREDENTIALS` selects it by.
    fn sdk_name(self) -> &'static str {
        match self {
            Self::Environment => "EnvironmentCredential",
            Self::WorkloadIdentity => "WorkloadIdentityCredential",
            Self::ManagedIdentity => "ManagedIdentityCredential",
            Self::AzureCli => "AzureCliCredential",
            Self::AzureDeveloperCli => "AzureDeveloperCliCredential",
        }
    }

    /// Whether it is meant for a developer's machine, not for a service.
    fn is_for_development(self) -> bool {
        matches!(self, Self::AzureCli | Self::AzureDeveloperCli)
    }

    /// The name for people, with the form that it takes in this environment.
    fn shown(self, env: &Environment) -> String {
        match self {
            Self::Environment => match service_principal::secret_form(env) {
                Some(form) => format!("{} ({form})", self.sdk_name()),
                None => self.sdk_name().to_owned(),
            },
            Self::ManagedIdentity => format!("{} ({})", self.sdk_name(), managed_identity::form(env)),
            Self::WorkloadIdentity => self.sdk_name().to_owned(),
            Self::AzureCli => "Azure CLI".to_owned(),
            Self::AzureDeveloperCli => "Azure Developer CLI".to_owned(),
        }
    }

    /// `certain`: no other source is there to fall back on, so there is no need to find out quickly whether this one is.
    async fn ask(self, context: &Context, certain: bool) -> Attempt {
        match self {
            Self::Environment => service_principal::from_environment(context).await,
            Self::WorkloadIdentity => service_principal::workload_identity(context).await,
            Self::ManagedIdentity => managed_identity::ask(context, certain).await,
            Self::AzureCli => command_line::azure_cli(context).await,
            Self::AzureDeveloperCli => command_line::azure_developer_cli(context).await,
        }
    }
}

/// The sources that take part.
pub(super) struct Chain {
    context: Context,
    sources: Vec<Source>,
}

impl Chain {
    /// The chain as `AZURE_TOKEN_CREDENTIALS` wants it, whole where it is not set.
    pub fn new(context: Context) -> Result<Self> {
        let sources = match context.env.get(SELECTION_VARIABLE) {
            Some(selection) => selected(selection.trim())?,
            None => Source::ALL.to_vec(),
        };
        Ok(Self { context, sources })
    }

    /// A new token from the source that gave the one before, or from the first that is configured.
    pub async fn token(&self, winner: Option<Source>) -> Result<(Source, AccessToken)> {
        if let Some(source) = winner {
            return match source.ask(&self.context, true).await {
                Ok(token) => Ok((source, token)),
                Err(Refusal::Unavailable(reason) | Refusal::Failed(reason)) => {
                    Err(self.failed(source, &reason, winner))
                }
            };
        }
        let certain = self.sources.len() == 1;
        let mut tried = Vec::new();
        for source in &self.sources {
            match source.ask(&self.context, certain).await {
                Ok(token) => return Ok((*source, token)),
                Err(Refusal::Failed(reason)) => return Err(self.failed(*source, &reason, None)),
                Err(Refusal::Unavailable(reason)) => tried.push((*source, reason)),
            }
        }
        Err(self.none_available(&tried))
    }

    /// The source that gives the tokens, for people.
    pub fn name(&self, winner: Option<Source>) -> String {
        winner.map_or_else(
            || "the Azure SDKs' default chain".to_owned(),
            |source| source.shown(&self.context.env),
        )
    }

    fn failed(&self, source: Source, reason: &str, winner: Option<Source>) -> Error {
        let name = source.shown(&self.context.env);
        let reason = self.presentable(reason);
        let mut message = format!("{name} is configured but gave no token: {reason}");
        if winner.is_none() && self.sources.last() != Some(&source) {
            message.push_str(" The sources after it were not tried.");
        }
        Error::new("AuthenticationFailed", Category::AuthenticationError, message).into_fatal()
    }

    fn none_available(&self, tried: &[(Source, String)]) -> Error {
        let mut message = "No credential was found. Tried, in this order:\n".to_owned();
        for (source, reason) in tried {
            let name = source.shown(&self.context.env);
            message.push_str(&format!("  {name}: {}\n", self.presentable(reason)));
        }
        message.push_str(
            "Connect with Connect-AzAccount or az login, set AZURE_ACCESS_TOKEN, or configure one of these sources.",
        );
        Error::new("CredentialUnavailable", Category::AuthenticationError, message).into_fatal()
    }

    /// One line, not too long, without secrets, ending like a sentence.
    fn presentable(&self, reason: &str) -> String {
        let mut text = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        for name in [
            "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_CERTIFICATE_PASSWORD",
            "IDENTITY_HEADER",
        ] {
            if let Some(secret) = self.context.env.get(name) {
                text = text.replace(secret.trim(), "****");
            }
        }
        let mut text = without_tokens(&text);
        if let Some((end, _)) = text.char_indices().nth(LONGEST_REASON) {
            text.truncate(end);
            text.push('…');
        } else if !text.ends_with(['.', '!', '?']) {
            text.push('.');
        }
        text
    }
}

/// The sources that a value of `AZURE_TOKEN_CREDENTIALS` names.
fn selected(selection: &str) -> Result<Vec<Source>> {
    let wanted: Vec<Source> = Source::ALL
        .into_iter()
        .filter(|source| match selection.to_ascii_lowercase().as_str() {
            "dev" => source.is_for_development(),
            "prod" => !source.is_for_development(),
            name => source.sdk_name().eq_ignore_ascii_case(name),
        })
        .collect();
    if wanted.is_empty() {
        let names = Source::ALL.map(Source::sdk_name).join(", ");
        return Err(Error::new(
            "CredentialUnavailable",
            Category::AuthenticationError,
            format!("{SELECTION_VARIABLE} is '{selection}'; it can be dev, prod, or one of {names}."),
        )
        .into_fatal());
    }
    Ok(wanted)
}

/// The text with each JSON web token masked: those of Microsoft Entra begin with the encoding of `{"`.
fn without_tokens(text: &str) -> String {
    const START: &str = "eyJ";
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(START) {
        let (before, token) = rest.split_at(start);
        shown.push_str(before);
        let end = token.find(|c| !is_part(c)).unwrap_or(token.len());
        shown.push_str("****");
        rest = &token[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_is_that_of_the_sdks() {
        use Source::*;
        assert_eq!(
            selected("prod").unwrap(),
            [Environment, WorkloadIdentity, ManagedIdentity]
        );
        assert_eq!(selected("Dev").unwrap(), [AzureCli, AzureDeveloperCli]);
        assert_eq!(selected("managedidentitycredential").unwrap(), [ManagedIdentity]);
        let error = selected("VisualStudioCredential").unwrap_err();
        assert!(error.fatal && error.message.contains("AzureCliCredential"), "{error}");
    }

    #[test]
    fn tokens_are_masked_wherever_they_stand() {
        let token = "eyJ0eXAiOiJKV1QifQ.eyJ0aWQiOiIxIn0.c2ln-_";
        assert_eq!(
            without_tokens(&format!("got '{token}', and {token}")),
            "got '****', and ****"
        );
        assert_eq!(without_tokens("nothing here"), "nothing here");
    }
}
