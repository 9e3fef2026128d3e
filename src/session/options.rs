//! What a caller sets for a whole session; `docs/abi.md` says what each member means.

use crate::error::{Error, Result};
use crate::json;
use crate::trace::Level;

/// Who gets the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CredentialSource {
    /// The engine, from what the environment names.
    #[default]
    Environment,
    /// The caller, who answers token requests.
    Caller,
}

/// The options, read.
#[derive(Default)]
pub(crate) struct Options {
    pub credential: CredentialSource,
    pub endpoint: Option<String>,
    pub audience: Option<String>,
    pub tenant: Option<String>,
    pub subscription: Option<String>,
    /// False: an item that succeeded and has no output gives no event.
    pub success_events: bool,
    pub trace: Level,
}

impl Options {
    /// Reads the options. An unknown member is an error: a misspelt one must not be dropped in silence.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: String| Error::invalid("InvalidOptions", why).into_fatal();
        let members = json::object(text).map_err(|(line, column)| {
            invalid(format!(
                "The session's options are not a JSON object (line {line}, column {column})."
            ))
        })?;
        let mut options = Self {
            success_events: true,
            ..Self::default()
        };
        let mut seen = Vec::with_capacity(members.len());
        for (name, value) in members {
            if seen.contains(&name) {
                return Err(invalid(format!(
                    "The session's options have the member '{name}' twice."
                )));
            }
            seen.push(name.clone());
            if value.is_null() {
                continue;
            }
            let text = value.text();
            let name: &str = &name;
            let (read, wanted) = match name {
                "credential" => {
                    let source = match text.as_deref() {
                        Some("environment") => Some(CredentialSource::Environment),
                        Some("caller") => Some(CredentialSource::Caller),
                        _ => None,
                    };
                    (
                        source.map(|source| options.credential = source),
                        "\"environment\" or \"caller\"",
                    )
                }
                "trace" => {
                    let level = match text.as_deref() {
                        Some("none") => Some(Level::None),
                        Some("verbose") => Some(Level::Verbose),
                        Some("debug") => Some(Level::Debug),
                        _ => None,
                    };
                    (
                        level.map(|level| options.trace = level),
                        "\"none\", \"verbose\" or \"debug\"",
                    )
                }
                "successEvents" => (
                    value.boolean().map(|wanted| options.success_events = wanted),
                    "true or false",
                ),
                _ => {
                    let place = match name {
                        "endpoint" => &mut options.endpoint,
                        "audience" => &mut options.audience,
                        "tenant" => &mut options.tenant,
                        "subscription" => &mut options.subscription,
                        _ => {
                            let of = "The session's options (a JSON object)";
                            return Err(json::unknown_member("InvalidOptions", of, name).into_fatal());
                        }
                    };
                    (text.map(|text| *place = Some(text.to_owned())), "a string")
                }
            };
            if read.is_none() {
                let found = value.kind();
                return Err(invalid(format!("The option '{name}' is {found}. It must be {wanted}.")));
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, says) in [
            ("[]", "not a JSON object (line 1"),
            (r#"{"endpont":"x"}"#, "a member 'endpont' that is not known"),
            (r#"{"environment":{}}"#, "a member 'environment' that is not known"),
            (
                r#"{"trace":"loud"}"#,
                r#"'trace' is a string. It must be "none", "verbose" or "debug""#,
            ),
            (r#"{"credential":"host"}"#, r#"It must be "environment" or "caller""#),
            (
                r#"{"successEvents":"yes"}"#,
                "'successEvents' is a string. It must be true or false",
            ),
            (r#"{"tenant":["x"]}"#, "'tenant' is an array. It must be a string"),
            (r#"{"tenant":"x","tenant":"y"}"#, "'tenant' twice"),
        ] {
            let error = Options::parse(text).err().expect("it is refused");
            assert_eq!((error.code.as_str(), error.fatal), ("InvalidOptions", true));
            assert!(error.message.contains(says), "{says} is not in {}", error.message);
        }
    }

    #[test]
    fn what_is_null_is_as_if_left_out() {
        let options = Options::parse(r#"{"credential":null,"successEvents":null,"tenant":null,"trace":"debug"}"#);
        let options = options.unwrap_or_else(|error| panic!("{error}"));
        assert!(options.success_events && options.tenant.is_none() && options.trace == Level::Debug);
        assert_eq!(options.credential, CredentialSource::Environment);
    }
}
