//! Events as the library gives them.

use serde_json::Value;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An item has ended.
    Result,
    /// The caller is asked for a token.
    TokenRequest,
    /// A text for the log.
    Log,
    /// The session cannot go on.
    Fatal,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// Which item or token request.
    pub number: u64,
    /// Its JSON, as text.
    pub text: String,
    /// Its JSON, read.
    pub json: Value,
}

impl From<abi_client::Event> for Event {
    fn from(event: abi_client::Event) -> Self {
        let abi_client::Event { kind, number, text } = event;
        let kind = match kind {
            1 => Kind::Result,
            2 => Kind::TokenRequest,
            3 => Kind::Log,
            4 => Kind::Fatal,
            other => panic!("{other} is no kind of event: {text}"),
        };
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("an event is no JSON: {error}: {text}"));
        Self {
            kind,
            number,
            text,
            json,
        }
    }
}

impl Event {
    /// How the item ended: `succeeded`, `failed` or `cancelled`.
    pub fn outcome(&self) -> &str {
        assert_eq!(self.kind, Kind::Result, "{self:?}");
        self.json["outcome"].as_str().expect("a result has an outcome")
    }

    /// The error of a failed item or of a session.
    #[track_caller]
    pub fn error(&self) -> &Value {
        let error = &self.json["error"];
        assert!(error.is_object(), "there is no error: {}", self.text);
        error
    }

    /// The error's code.
    #[track_caller]
    pub fn code(&self) -> &str {
        self.error()["code"].as_str().expect("an error has a code")
    }

    /// The error's message.
    #[track_caller]
    pub fn message(&self) -> &str {
        self.error()["message"].as_str().expect("an error has a message")
    }

    /// The text of a log event.
    #[track_caller]
    pub fn log(&self) -> &str {
        assert_eq!(self.kind, Kind::Log, "{self:?}");
        self.json["text"].as_str().expect("a log event has a text")
    }
}
