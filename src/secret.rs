//! Text that must not be seen: wiped when dropped, masked when printed, left out of core dumps on Linux.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::ffi::core_dump;

/// A token, password or key. `Debug` shows only that there is one; the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over. Copies made before are the caller's to wipe.
    pub fn new(text: String) -> Self {
        core_dump::leave_out(text.as_bytes());
        Self(Zeroizing::new(text))
    }

    /// The text itself. Name the reason where it is called: this is the only way out.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(****)")
    }
}

/// A text in which a URL's user name and password are masked, for messages and logs.
pub(crate) fn mask_user_info(text: &str) -> Cow<'_, str> {
    let Some(start) = text.find("://").map(|at| at + 3) else {
        return Cow::Borrowed(text);
    };
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    match text[start..end].rfind('@') {
        Some(at) => Cow::Owned(format!("{}****{}", &text[..start], &text[start + at..])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_left_out_of_core_dumps() {
        let secret = Secret::new("a token that nobody may read".repeat(8));
        let address = secret.expose().as_ptr().addr();
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("Linux tells of its mappings");
        let mut here = false;
        let flags = maps.lines().find(|line| {
            if let Some((from, to)) = line.split(' ').next().and_then(|range| range.split_once('-')) {
                let bound = |text| usize::from_str_radix(text, 16).unwrap_or(0);
                here = (bound(from)..bound(to)).contains(&address);
            }
            here && line.starts_with("VmFlags:")
        });
        // "dd": do not dump.
        assert!(
            flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "dd")),
            "{flags:?}"
        );
    }
}
