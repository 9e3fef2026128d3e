//! The user's Internet settings in the registry.

use windows_registry::CURRENT_USER;

use super::settings::Settings;

/// What stands for names without a dot in the list of exceptions.
const LOCAL: &str = "<local>";

pub(super) fn current() -> Option<Settings> {
    let settings = CURRENT_USER
        .open("Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings")
        .ok()?;
    if settings.get_u32("ProxyEnable").unwrap_or(0) == 0 {
        return None;
    }
    let server = settings.get_string("ProxyServer").ok()?;
    let exceptions = settings.get_string("ProxyOverride").unwrap_or_default();
    let (local, exceptions): (Vec<&str>, Vec<&str>) = exceptions
        .split(';')
        .map(str::trim)
        .filter(|exception| !exception.is_empty())
        .partition(|exception| exception.eq_ignore_ascii_case(LOCAL));
    Some(Settings {
        server,
        exceptions: exceptions.into_iter().map(str::to_owned).collect(),
        not_for_simple_names: !local.is_empty(),
    })
}
