//! A text as it is shown: what may carry a secret is masked.

use std::borrow::Cow;

use crate::secret::mask_user_info;

/// What stands in a secret's place.
pub(crate) const MASK: &str = "****";

/// Query parameters whose values are masked: those with one of these names, or with one of these words in them.
const SECRET_PARAMETERS: [&str; 2] = ["code", "sig"];
const SECRET_WORDS: [&str; 8] = [
    "auth",
    "credential",
    "key",
    "password",
    "pwd",
    "secret",
    "signature",
    "token",
];

/// A text in which the values of query parameters that carry secrets are masked, wherever in it a URL stands.
pub(crate) fn mask_query(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices(['?', '&', ';']) {
        let rest = &text[at + 1..];
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | '#' | '"' | '\''))
            .unwrap_or(rest.len());
        let Some((name, value)) = rest[..end].split_once('=') else {
            continue;
        };
        let lower = name.rsplit('?').next().unwrap_or(name).to_ascii_lowercase();
        let secret =
            SECRET_PARAMETERS.contains(&lower.as_str()) || SECRET_WORDS.iter().any(|word| lower.contains(word));
        let start = at + 1 + name.len() + 1;
        if secret && !value.is_empty() && start >= copied {
            masked.push_str(&text[copied..start]);
            masked.push_str(MASK);
            copied = start + value.len();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

/// A text as it is shown: neither user info nor secrets of a query in it.
pub(crate) fn mask_secrets(text: &str) -> Cow<'_, str> {
    match mask_query(text) {
        Cow::Borrowed(text) => mask_user_info(text),
        Cow::Owned(text) => Cow::Owned(mask_user_info(&text).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_of_a_query_are_masked_and_the_rest_is_shown() {
        for (text, shown) in [
            (
                "https://contoso.com/a?code=x&v=1",
                "https://contoso.com/a?code=****&v=1",
            ),
            (
                "https://contoso.com/a?v=1&sig=a%2Bb%3D#end",
                "https://contoso.com/a?v=1&sig=****#end",
            ),
            ("?Subscription-Key=x", "?Subscription-Key=****"),
            (
                "a ?api_key=x b ?ACCESS_TOKEN=y c",
                "a ?api_key=**** b ?ACCESS_TOKEN=**** c",
            ),
            (
                "https://a/?x=1;client_secret=y;z=2",
                "https://a/?x=1;client_secret=****;z=2",
            ),
            ("https://a/?u=b?code=x=y", "https://a/?u=b?code=****"),
            ("'https://a/?token=x'", "'https://a/?token=****'"),
        ] {
            assert_eq!(mask_query(text), shown);
        }
        for text in [
            "",
            "https://contoso.com/key=x",
            "?api-version=2024-05-01&%24skip=1",
            "?code",
            "?code=",
            "code=x",
        ] {
            assert!(matches!(mask_query(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn user_info_and_query_are_masked_together() {
        let text = "https://user:secret@contoso.com/?code=secret&v=1";
        assert!(
            !mask_secrets(text).contains("secret") && mask_secrets(text).contains("v=1"),
            "{}",
            mask_secrets(text)
        );
    }
}
