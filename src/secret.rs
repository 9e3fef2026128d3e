//! Text that must not be seen: wiped when dropped, masked when printed, left out of core dumps on Linux.

use std::borrow::Cow;

use zeroize::Zeroize;

use crate::os::protected::Protected;

/// A token, password or key. `Debug` shows only that there is one; the memory is wiped on drop.
pub struct Secret(Protected);

impl Secret {
    /// Moves the text here, and wipes where it was.
    pub fn new(mut text: String) -> Self {
        let secret = Self::of(&text);
        text.zeroize();
        secret
    }

    /// A copy of the text.
    pub fn of(text: &str) -> Self {
        Self(Protected::new(text.len(), |bytes| {
            bytes.copy_from_slice(text.as_bytes())
        }))
    }

    /// The text itself. Name the reason where it is called: this is the only way out.
    pub fn expose(&self) -> &str {
        // It was made from a text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        Self::of(self.expose())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(****)")
    }
}

const MASK: &str = "****";

/// A text in which what may be the user name and password of a URL is masked, for messages and logs. It goes by how
/// URLs look, not by what they must be: one with a password in it is often one that is wrong.
pub(crate) fn mask_user_info(text: &str) -> Cow<'_, str> {
    if !text.contains([':', '@']) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '|')) {
        let mut rest = word;
        let mut find: fn(&str) -> Option<(usize, usize)> = user_info_alone;
        loop {
            let scheme = scheme_in(rest);
            let part = &rest[..scheme.map_or(rest.len(), |(start, _)| start)];
            match find(part) {
                Some((start, end)) => masked.extend([&part[..start], MASK, &part[end..]]),
                None => masked.push_str(part),
            }
            let Some((start, end)) = scheme else { break };
            masked.push_str(&rest[start..end]);
            rest = &rest[end..];
            find = user_info_in_url;
        }
    }
    if masked == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(masked)
    }
}

const SLASHES: [char; 2] = ['/', '\\'];

/// Where the first scheme of a word stands, with the slashes after it.
fn scheme_in(word: &str) -> Option<(usize, usize)> {
    word.match_indices(':').find_map(|(colon, _)| {
        let name = word[..colon].trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let after = word[colon + 1..].trim_start_matches(SLASHES);
        let end = word.len() - after.len();
        (name.len() < colon && end > colon + 1).then_some((name.len(), end))
    })
}

/// `user:password@host`, perhaps after a path.
fn user_info_alone(word: &str) -> Option<(usize, usize)> {
    let end = word.rfind('@')?;
    let colon = word[..end].find(':')?;
    Some((word[..colon].rfind('/').map_or(0, |slash| slash + 1), end))
}

/// What comes after a URL's slashes.
fn user_info_in_url(rest: &str) -> Option<(usize, usize)> {
    let (authority, path) = rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()));
    let in_path = user_info_alone(path).map(|(start, end)| (authority.len() + start, authority.len() + end));
    if let Some(end) = authority.rfind('@') {
        return Some((0, in_path.map_or(end, |(_, end)| end)));
    }
    // What should be a port and is not may be a password that was cut off by one of its own characters.
    let shown = authority.trim_end_matches(|c: char| !c.is_alphanumeric());
    let is_odd = |(host, port): (&str, &str)| !host.starts_with('[') && !port.bytes().all(|byte| byte.is_ascii_digit());
    if shown.rsplit_once(':').is_some_and(is_odd) {
        return Some((0, rest.rfind('@').unwrap_or(shown.len())));
    }
    in_path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_and_passwords_are_masked_however_the_url_is_written() {
        for (text, shown) in [
            ("http://u:PW@h:80/a?b=c@d", "http://****@h:80/a?b=c@d"),
            ("http://token@h", "http://****@h"),
            ("admin:PW@proxy:8080", "****@proxy:8080"),
            ("admin:P@W@proxy:8080", "****@proxy:8080"),
            ("http:/u:PW@h", "http:/****@h"),
            ("http:\\\\u:PW@h\\x", "http:\\\\****@h\\x"),
            ("http:u:PW@h", "****@h"),
            ("HTTPS_PROXY=http://u:PW@h", "HTTPS_PROXY=http://****@h"),
            ("http://u:P/W@h", "http://****@h"),
            ("http://u:P?W@h/x", "http://****@h/x"),
            (
                "at 'https://u:PW@h' and (https://v:PW@i/x).",
                "at 'https://****@h' and (https://****@i/x).",
            ),
            (
                r#"{"nextLink":"https://u:PW@h/x","a":"v:PW@i"}"#,
                r#"{"nextLink":"https://****@h/x","a":"****@i"}"#,
            ),
            ("https://u:P W@h", "https://**** W@h"),
        ] {
            assert_eq!(mask_user_info(text), shown);
        }
    }

    #[test]
    fn what_has_no_password_is_shown_as_it_is() {
        for text in [
            "https://management.azure.com/subscriptions/1/x/backends/a@b?api-version=2024-05-01",
            "https://h:8080/x@y",
            "http://[::1]:80/x",
            "/subscriptions/1/backends/a@b",
            "someone@example.com",
            "No connection to h: it did not answer.",
            "{\"a\": 1, \"b\": \"fabric:/app/service\"}",
            "12:30, 2024-01-01T00:00:00Z",
        ] {
            assert!(matches!(mask_user_info(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn no_text_is_too_odd() {
        const PIECES: [&str; 16] = [
            "http", ":", "/", "//", "@", "é", "\u{2028}", " ", "'", "\"", "[", "]", "?", "8080", "\\", "host",
        ];
        const FORMS: [&str; 3] = ["http://user:SECRET@h/x", "user:SECRET@h:80", "https:/user:SECRET@h"];
        for _ in 0..20_000 {
            let random = || (0..fastrand::usize(..8)).map(|_| PIECES[fastrand::usize(..PIECES.len())]);
            let text: String = random()
                .chain([FORMS[fastrand::usize(..FORMS.len())]])
                .chain(random())
                .collect();
            let masked = mask_user_info(&text);
            assert!(!masked.contains("SECRET"), "{text} became {masked}");
        }
    }

    #[test]
    fn debug_shows_that_there_is_a_secret_and_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::of("hunter2")), "Secret(****)");
    }
}
