//! The caller's JSON, read one level at a time, so that what does not fit can be named and secrets are not copied.
//!
//! `serde_json` unescapes a text in a buffer of its own, which it does not wipe, and its messages quote the input. So a
//! value is kept as it is written until its text is asked for, and the messages are made here.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::error::Error;

/// A value of any kind.
#[derive(Clone, Copy)]
pub(crate) struct Json<'a>(&'a str);

/// A text; wiped when it had to be copied.
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Owned(Zeroizing<String>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// The members of an object in their order. Their names are no secrets.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Reads the members of the object that a text is. The error is where it is none: line and column.
pub(crate) fn object(text: &str) -> Result<Members<'_>, (usize, usize)> {
    struct Object<'a>(Members<'a>);

    #[derive(serde::Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

    impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Reader;

            impl<'de> Visitor<'de> for Reader {
                type Value = Object<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut members = Members::with_capacity(4);
                    while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                        members.push((name, Json(value.get())));
                    }
                    Ok(Object(members))
                }
            }

            deserializer.deserialize_map(Reader)
        }
    }

    serde_json::from_str(text)
        .map(|Object(members)| members)
        .map_err(|e| (e.line(), e.column()))
}

/// The error of a member that nobody knows. Its name is quoted where it can be a misspelt one; anything else might be a
/// secret in the wrong place.
pub(crate) fn unknown_member(code: &str, of: &str, name: &str) -> Error {
    let quotable = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphabetic());
    let which = if quotable { format!(" '{name}'") } else { String::new() };
    Error::invalid(code, format!("{of} has a member{which} that is not known."))
}

impl<'a> Json<'a> {
    /// How the value is written.
    pub fn raw(self) -> &'a str {
        self.0
    }

    /// What kind of value it is, in words.
    pub fn kind(self) -> &'static str {
        match self.0.as_bytes().first() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.0.starts_with('n')
    }

    /// The text, if it is one that UTF-8 can have (half of a surrogate pair is not).
    pub fn text(self) -> Option<Text<'a>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            unescape(inner).map(Text::Owned)
        } else {
            Some(Text::Borrowed(inner))
        }
    }

    /// The members, if it is an object.
    pub fn members(self) -> Option<Members<'a>> {
        object(self.0).ok()
    }

    /// The elements, if it is an array.
    pub fn elements(self) -> Option<Vec<Json<'a>>> {
        let elements: Vec<&'a RawValue> = serde_json::from_str(self.0).ok()?;
        Some(elements.into_iter().map(|element| Json(element.get())).collect())
    }

    /// The truth value, if it is one.
    pub fn boolean(self) -> Option<bool> {
        self.0.parse().ok()
    }

    /// The number, if it is a whole one of this size.
    pub fn integer(self) -> Option<i64> {
        self.0.parse().ok()
    }
}

/// The text that an escaped one stands for. It is never longer than that, so nothing is left behind by growing.
fn unescape(escaped: &str) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(escaped.len()));
    let mut rest = escaped;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];
        text.push(match escape {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match hexadecimal(&mut rest)? {
                first @ 0xd800..=0xdbff => {
                    rest = rest.strip_prefix("\\u")?;
                    let second = hexadecimal(&mut rest)?;
                    char::decode_utf16([first, second]).next()?.ok()?
                }
                unit => char::from_u32(unit.into())?,
            },
            other => other,
        });
    }
    text.push_str(rest);
    Some(text)
}

fn hexadecimal(rest: &mut &str) -> Option<u16> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        let members = object(json).expect("an object");
        members[0].1.text().map(|text| text.to_owned())
    }

    #[test]
    fn a_text_is_what_its_escapes_stand_for() {
        assert_eq!(text(r#"{"a":"plain ü"}"#).as_deref(), Some("plain ü"));
        let escaped = r#"{"a":"\"\\\/\b\f\n\r\tx\u00fc\u20AC\ud83d\ude00\u0000"}"#;
        assert_eq!(text(escaped).as_deref(), Some("\"\\/\u{8}\u{c}\n\r\txü€😀\0"));
        for half in [r"\ud800", r"\ud800x", r"\udc00", r"\ud800\u0041", r"\ud83d\ud83d"] {
            assert_eq!(text(&format!(r#"{{"a":"{half}"}}"#)), None, "{half}");
        }
    }

    #[test]
    fn it_reads_what_serde_reads() {
        for inner in [r"a\\u0041", r"\\", r"\\\n\\", r"\u005c\u0022", r"x\/\/y"] {
            let json = format!(r#""{inner}""#);
            let expected: String = serde_json::from_str(&json).expect("a string");
            assert_eq!(text(&format!(r#"{{"a":{json}}}"#)), Some(expected), "{inner}");
        }
    }

    #[test]
    fn every_kind_of_value_has_a_name() {
        let members = object(r#"{"s":"","o":{},"a":[1,"x"],"t":true,"f":false,"n":null,"i":-1}"#).expect("an object");
        let kinds: Vec<_> = members.iter().map(|(_, value)| value.kind()).collect();
        let expected = [
            "a string",
            "an object",
            "an array",
            "true or false",
            "true or false",
            "null",
            "a number",
        ];
        assert_eq!(kinds, expected);
        assert_eq!(members[2].1.elements().map(|elements| elements.len()), Some(2));
        assert_eq!((members[3].1.boolean(), members[6].1.integer()), (Some(true), Some(-1)));
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        let members = object(&deep).expect("an object");
        assert_eq!((members[0].1.kind(), members[0].1.text().is_none()), ("an array", true));
        assert!(object("[]").is_err() && object("").is_err() && object("{} x").is_err());
    }
}
