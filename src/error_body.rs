//! The body of a service's error, read leniently: a member of an unexpected type is left out, and the rest is kept.

use serde_json::Value;

use crate::error::Detail;

/// What the body says; empty members where it says nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    pub code: String,
    pub message: String,
    pub details: Vec<Detail>,
}

impl ErrorBody {
    /// Reads a body of any kind.
    pub fn read(body: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        // API Management answers some requests with the members at the top.
        let error = match &body["error"] {
            error @ Value::Object(_) => error,
            _ => &body,
        };
        let details = error["details"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            code: text(&error["code"]).unwrap_or_default(),
            message: text(&error["message"]).unwrap_or_default(),
            details: details.iter().filter(|detail| detail.is_object()).map(detail).collect(),
        }
    }
}

fn detail(value: &Value) -> Detail {
    Detail {
        code: text(&value["code"]).unwrap_or_default(),
        message: text(&value["message"]).unwrap_or_default(),
        target: text(&value["target"]),
    }
}

/// Numbers and truth values are as good as their text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> ErrorBody {
        ErrorBody::read(body.as_bytes())
    }

    fn detail(code: &str, message: &str, target: Option<&str>) -> Detail {
        Detail {
            code: code.to_owned(),
            message: message.to_owned(),
            target: target.map(str::to_owned),
        }
    }

    #[test]
    fn a_member_of_an_unexpected_type_loses_nothing_else() {
        let whole = ErrorBody {
            code: "5".into(),
            message: "Told.".into(),
            details: vec![detail("true", "", Some("url")), detail("", "1.5", None)],
        };
        let body = r#"{"error":{"code":5,"message":"Told.","details":[
            {"code":true,"message":[],"target":"url"}, 7, null, "text", {"message":1.5,"target":{}}]}}"#;
        assert_eq!(read(body), whole);
        let at_the_top = r#"{"error":"text","code":{},"message":"Told.","details":"none"}"#;
        let expected = ErrorBody {
            message: "Told.".into(),
            ..ErrorBody::default()
        };
        assert_eq!(read(at_the_top), expected);
    }

    #[test]
    fn what_is_no_error_says_nothing() {
        let deep = format!(r#"{{"error":{}"#, "[".repeat(60_000));
        for body in [
            "",
            "null",
            "[]",
            "5",
            "\"text\"",
            "{}",
            "<html>",
            r#"{"error":null}"#,
            &deep,
        ] {
            assert_eq!(read(body), ErrorBody::default(), "{:.40}", body);
        }
        assert_eq!(ErrorBody::read(b"\xff\xfe"), ErrorBody::default());
    }
}
