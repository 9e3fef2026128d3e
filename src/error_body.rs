//! The body of a service's error, read leniently: a member of an unexpected type is left out, and the rest is kept.

use crate::error::Detail;
use crate::json::{self, Json, Members};

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
        let body = String::from_utf8_lossy(body);
        let top = json::object(&body).unwrap_or_default();
        // API Management answers some requests with the members at the top.
        let inner = member(&top, "error").and_then(Json::members);
        let error = inner.as_ref().unwrap_or(&top);
        let details = member(error, "details").and_then(Json::elements).unwrap_or_default();
        Self {
            code: text(error, "code").unwrap_or_default(),
            message: text(error, "message").unwrap_or_default(),
            details: details.into_iter().filter_map(Json::members).map(detail).collect(),
        }
    }
}

fn detail(members: Members) -> Detail {
    Detail {
        code: text(&members, "code").unwrap_or_default(),
        message: text(&members, "message").unwrap_or_default(),
        target: text(&members, "target"),
    }
}

fn member<'a>(members: &Members<'a>, name: &str) -> Option<Json<'a>> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// Numbers and truth values are as good as their text.
fn text(members: &Members, name: &str) -> Option<String> {
    let value = member(members, name)?;
    match value.kind() {
        "a string" => Some(value.text()?.to_owned()),
        "a number" | "true or false" => Some(value.raw().to_owned()),
        _ => None,
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
        let odd = ErrorBody::read(
            b"{\"error\":{\"code\":2E9999,\"message\":\"\\ud800\",\"details\":[{\"message\":\"\xff!\"}]}}",
        );
        let expected = ErrorBody {
            code: "2E9999".into(),
            message: String::new(),
            details: vec![detail("", "\u{fffd}!", None)],
        };
        assert_eq!(odd, expected);
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
