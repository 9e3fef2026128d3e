//! The proxy of the system's settings, where the system has such settings.

#[cfg(target_os = "macos")]
mod macos;
mod settings;
#[cfg(windows)]
mod windows;

pub(crate) use settings::Settings;

/// The settings as they are now.
pub(crate) fn current() -> Option<Settings> {
    #[cfg(windows)]
    return windows::current();
    #[cfg(target_os = "macos")]
    return macos::current();
    #[cfg(not(any(windows, target_os = "macos")))]
    None
}
