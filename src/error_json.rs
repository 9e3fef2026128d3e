//! An error's JSON for the ABI (`docs/abi.md`, "Error"): a text to display, and typed data to copy.

use engine_core::step::State;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::error::{Detail, Error};
use crate::target::printable;

impl Error {
    /// The line that names the backend and says what is known of each step.
    fn about_line(&self) -> Option<String> {
        let target = self.target.as_ref()?;
        let mut line = target.to_string();
        // It begins with "backend", "workspace" or "service".
        line[..1].make_ascii_uppercase();
        line += ": ";
        let what = match (self.step, self.known.settings, self.known.reset) {
            (None, ..) => "nothing was sent",
            (_, Some(State::NotDone), _) => "its settings were not changed and its connection was not reset",
            (_, Some(State::Unknown), _) => {
                "whether its settings were changed is unknown, and its connection was not reset"
            }
            (_, Some(State::Done), Some(State::NotDone)) => {
                "its settings were changed, and its connection was not reset"
            }
            (_, Some(State::Done), Some(State::Unknown)) => {
                "its settings were changed, and whether its connection was reset is unknown"
            }
            (_, Some(State::Done), Some(State::Done)) => {
                "its settings were changed and its connection was reset; only reading it afterwards failed"
            }
            (_, None, Some(State::NotDone)) => "its connection was not reset",
            (_, None, Some(State::Unknown)) => "whether its connection was reset is unknown",
            (_, None, Some(State::Done)) => "its connection was reset; only reading it afterwards failed",
            (_, _, None) if target.backend_id.is_none() => "its backends were not read",
            (_, _, None) => "it was not read",
        };
        line += what;
        line.push('.');
        Some(line)
    }

    /// `text`: for an answer of the service's the lines of Az's cmdlets, for scripts that read them, and then the
    /// backend's; else the message. (Az's lines: Azure/azure-powershell, AzureApiManagementCmdletBase.cs.)
    fn text(&self, about: Option<&str>) -> String {
        if self.status.is_none() {
            return self.full_message(about);
        }
        let mut text = format!("\nError Code: {}\nError Message: {}", self.code, self.message);
        if let Some(id) = &self.request_id {
            text += &format!("\nRequest Id: {id}");
        }
        if !self.details.is_empty() {
            text += "\nError Details:";
        }
        for detail in &self.details {
            let target = detail.target.as_deref().unwrap_or_default();
            text += &format!(
                "\n\t[Code= {}, Message= {}, Target= {target}]",
                detail.code, detail.message
            );
        }
        if let Some(about) = about {
            text.push('\n');
            text += about;
        }
        text
    }

    fn full_message(&self, about: Option<&str>) -> String {
        let Some(about) = about else {
            return self.message.clone();
        };
        let stop = if self.message.ends_with(['.', '!', '?', ':']) {
            ""
        } else {
            "."
        };
        format!("{}{stop} {about}", self.message)
    }
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &printable(&self.code))?;
        map.serialize_entry("message", &printable(&self.message))?;
        if let Some(target) = &self.target {
            map.serialize_entry("target", &printable(target))?;
        }
        map.end()
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let about = self.about_line();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &printable(&self.code))?;
        map.serialize_entry("category", &self.category)?;
        map.serialize_entry("fatal", &self.fatal)?;
        map.serialize_entry("message", &printable(&self.full_message(about.as_deref())))?;
        map.serialize_entry("text", &printable(&self.text(about.as_deref())))?;
        map.serialize_entry("data", &Data(self))?;
        if !self.details.is_empty() {
            map.serialize_entry("details", &self.details)?;
        }
        map.end()
    }
}

/// `data`: what a caller copies into the data of its own error, each value with its type.
struct Data<'a>(&'a Error);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Code", &printable(&error.code))?;
        if let Some(status) = error.status {
            map.serialize_entry("Status", &status)?;
        }
        let target = error.target.as_deref();
        for (name, value) in [
            ("RequestId", error.request_id.as_deref()),
            ("CorrelationId", error.correlation_id.as_deref()),
            ("ClientRequestId", error.client_request_id.as_deref()),
            ("BackendId", target.and_then(|t| t.backend_id.as_deref())),
            ("ServiceName", target.map(|t| t.service.as_str())),
            ("ResourceGroupName", target.map(|t| t.resource_group.as_str())),
            ("Workspace", target.and_then(|t| t.workspace.as_deref())),
        ] {
            if let Some(value) = value {
                map.serialize_entry(name, &printable(value))?;
            }
        }
        if let Some(step) = error.step {
            map.serialize_entry("Step", &step)?;
        }
        map.serialize_entry("Attempts", &error.attempts)?;
        for (name, state) in [
            ("SettingsState", error.known.settings),
            ("ResetState", error.known.reset),
        ] {
            if let Some(state) = state {
                map.serialize_entry(name, &state)?;
            }
        }
        map.serialize_entry("SettingsChanged", &(error.known.settings == Some(State::Done)))?;
        map.serialize_entry("ResetDone", &(error.known.reset == Some(State::Done)))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use engine_core::step::{Known, Step};
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Category;
    use crate::target::Target;

    fn error(step: Option<Step>, settings: Option<State>, reset: Option<State>, backend: Option<&str>) -> Value {
        let mut error = Error::new("TimedOut", Category::OperationTimeout, "No answer came");
        error.step = step;
        let target = Target {
            backend_id: backend.map(str::to_owned),
            service: "s".into(),
            resource_group: "g".into(),
            workspace: None,
        };
        serde_json::to_value(error.about(Some(target), Known { settings, reset })).expect("it is written")
    }

    #[test]
    fn the_text_says_what_is_known_of_each_step() {
        use State::{Done, NotDone, Unknown};
        let reset = Some(Step::Reset);
        let whole = "its settings were changed and its connection was reset; only reading it afterwards failed";
        for (step, settings, state, says) in [
            (None, None, Some(NotDone), "nothing was sent"),
            (None, Some(NotDone), Some(NotDone), "nothing was sent"),
            (reset, None, Some(NotDone), "its connection was not reset"),
            (
                reset,
                None,
                Some(Unknown),
                "whether its connection was reset is unknown",
            ),
            (
                Some(Step::Get),
                None,
                Some(Done),
                "its connection was reset; only reading it afterwards failed",
            ),
            (
                Some(Step::Settings),
                Some(NotDone),
                Some(NotDone),
                "its settings were not changed and its connection was not reset",
            ),
            (
                Some(Step::Settings),
                Some(Unknown),
                Some(NotDone),
                "whether its settings were changed is unknown, and its connection was not reset",
            ),
            (
                reset,
                Some(Done),
                Some(NotDone),
                "its settings were changed, and its connection was not reset",
            ),
            (
                reset,
                Some(Done),
                Some(Unknown),
                "its settings were changed, and whether its connection was reset is unknown",
            ),
            (Some(Step::Get), Some(Done), Some(Done), whole),
            (Some(Step::Get), None, None, "it was not read"),
        ] {
            let json = error(step, settings, state, Some("b"));
            let text = format!("No answer came. Backend 'b' of service 's' in resource group 'g': {says}.");
            assert_eq!((&json["message"], &json["text"]), (&json!(text), &json!(text)));
            let data = &json["data"];
            assert_eq!(data["SettingsChanged"], settings == Some(Done), "{data}");
            assert_eq!(data["ResetDone"], state == Some(Done), "{data}");
            assert_eq!(data.get("SettingsState").is_some(), settings.is_some(), "{data}");
        }
        let list = error(Some(Step::Get), None, None, None);
        let says = "No answer came. Service 's' in resource group 'g': its backends were not read.";
        assert_eq!(list["text"], says);
    }

    #[test]
    fn an_error_of_no_item_says_nothing_of_steps() {
        let plain = Error::new("CredentialUnavailable", Category::AuthenticationError, "There is none.").into_fatal();
        let expected = json!({
            "code": "CredentialUnavailable", "category": "AuthenticationError", "fatal": true,
            "message": "There is none.", "text": "There is none.",
            "data": { "Code": "CredentialUnavailable", "Attempts": 0, "SettingsChanged": false, "ResetDone": false },
        });
        assert_eq!(serde_json::to_value(&plain).expect("it is written"), expected);
    }
}
