//! The network settings in the dynamic store.

use system_configuration::core_foundation::array::CFArray;
use system_configuration::core_foundation::base::{CFType, TCFType};
use system_configuration::core_foundation::dictionary::CFDictionary;
use system_configuration::core_foundation::number::CFNumber;
use system_configuration::core_foundation::string::CFString;
use system_configuration::dynamic_store::SCDynamicStoreBuilder;

use super::settings::Settings;

pub(super) fn current() -> Option<Settings> {
    let settings = SCDynamicStoreBuilder::new("apim-backend-connection")
        .build()?
        .get_proxies()?;
    // The keys' texts are those of SCSchemaDefinitions.h.
    if number(&settings, "HTTPSEnable") != Some(1) {
        return None;
    }
    let mut server = text(&settings, "HTTPSProxy")?;
    if let Some(port) = number(&settings, "HTTPSPort") {
        server = format!("{server}:{port}");
    }
    let exceptions = settings
        .find(CFString::new("ExceptionsList"))
        .and_then(|list| list.downcast::<CFArray>())
        .map(|list| {
            list.iter()
                .filter_map(|entry| {
                    // SAFETY: property lists hold CFTypes, which the list keeps alive meanwhile.
                    let entry = unsafe { CFType::wrap_under_get_rule(*entry) };
                    Some(entry.downcast::<CFString>()?.to_string())
                })
                .collect()
        });
    Some(Settings {
        server,
        exceptions: exceptions.unwrap_or_default(),
        not_for_simple_names: number(&settings, "ExcludeSimpleHostnames") == Some(1),
    })
}

fn number(settings: &CFDictionary<CFString, CFType>, key: &'static str) -> Option<i32> {
    settings
        .find(CFString::from_static_string(key))?
        .downcast::<CFNumber>()?
        .to_i32()
}

fn text(settings: &CFDictionary<CFString, CFType>, key: &'static str) -> Option<String> {
    Some(
        settings
            .find(CFString::from_static_string(key))?
            .downcast::<CFString>()?
            .to_string(),
    )
}
