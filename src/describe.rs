//! What an item would do, in words, for a caller that asks before it acts.

use serde::Serialize;

use crate::error::Result;
use crate::item::{Action, Item, Outline};
use crate::target::{Target, printable};

/// The description's JSON (`docs/abi.md`, "Description").
#[derive(Serialize)]
struct Description<'a> {
    target: &'a str,
    action: &'a str,
    #[serde(flatten)]
    names: &'a Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription: Option<&'a str>,
}

/// Checks an item and describes it.
pub(crate) fn describe(item: &str) -> Result<String> {
    let outline = Item::outline(item)?;
    let target = outline.target.to_string();
    let action = action(&outline);
    let description = Description {
        target: &printable(&target),
        action: &printable(&action),
        names: &outline.target,
        subscription: outline.subscription.as_deref(),
    };
    Ok(serde_json::to_string(&description).expect("members of plain types are always written"))
}

fn action(outline: &Outline) -> String {
    let time = match outline.after {
        None => String::new(),
        Some(1) => " in 1 second".to_owned(),
        Some(seconds) => format!(" in {seconds} seconds"),
    };
    match (outline.action, &outline.changes[..]) {
        (Action::Get, _) => "Read".to_owned(),
        (Action::List, _) => "Read a page of backends".to_owned(),
        (Action::Reset, []) => format!("Reset connection{time}"),
        (Action::Reset, changes) => format!("Set {} and reset connection{time}", changes.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn described(item: &Value) -> Value {
        let text = describe(&item.to_string()).unwrap_or_else(|error| panic!("{item}: {error}"));
        serde_json::from_str(&text).expect("JSON")
    }

    const SUBSCRIPTION: &str = "00000000-0000-0000-0000-00000000000A";

    #[test]
    fn the_action_says_each_change_and_the_time() {
        let credential = json!({ "Header": { "h": "secret" } });
        let proxy = json!({ "Url": "http://user:secret@px:8080", "UserName": "user", "Password": "secret" });
        // Every combination of the four settings, with and without a time.
        for bits in 0..32_u32 {
            let has = |bit: u32| bits >> bit & 1 == 1;
            let mut settings = serde_json::Map::new();
            let mut changes = Vec::new();
            for (bit, name, value, change) in [
                (0, "Protocol", json!("HTTP"), "Protocol to 'http'"),
                (
                    1,
                    "Url",
                    json!("https://u:secret@contoso.com/a"),
                    "Url to 'https://****@contoso.com/a'",
                ),
                (2, "Credential", credential.clone(), "Credential"),
                (3, "Proxy", proxy.clone(), "Proxy to 'http://****@px:8080'"),
            ] {
                if has(bit) {
                    settings.insert(name.to_owned(), value);
                    changes.push(change);
                }
            }
            let mut item = json!({ "resourceGroup": "g", "service": "s", "backendId": "b", "settings": settings });
            let mut expected = match changes.is_empty() {
                true => "Reset connection".to_owned(),
                false => format!("Set {} and reset connection", changes.join(", ")),
            };
            if has(4) {
                item["after"] = json!(300);
                expected += " in 300 seconds";
            }
            let described = described(&item);
            assert_eq!(described["action"], expected);
            assert!(!described.to_string().contains("secret"), "{described}");
        }
    }

    #[test]
    fn the_names_are_the_items_own() {
        let item = json!({ "resourceGroup": "g", "service": "s", "backendId": "b", "after": 1 });
        let plain = json!({
            "target": "backend 'b' of service 's' in resource group 'g'", "action": "Reset connection in 1 second",
            "backendId": "b", "service": "s", "resourceGroup": "g",
        });
        assert_eq!(described(&item), plain);

        let service =
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.ApiManagement/service/s");
        let item = json!({ "id": format!("{service}/workspaces/w x/backends/ü"), "action": "get" });
        let in_a_workspace = json!({
            "target": "backend 'ü' of workspace 'w x' of service 's' in resource group 'g'", "action": "Read",
            "backendId": "ü", "service": "s", "resourceGroup": "g", "workspace": "w x",
            "subscription": SUBSCRIPTION.to_lowercase(),
        });
        assert_eq!(described(&item), in_a_workspace);

        let list = json!({ "action": "list", "nextLink": format!("https://arm:443{service}/backends?%24skip=1") });
        let page = json!({
            "target": "service 's' in resource group 'g'", "action": "Read a page of backends",
            "service": "s", "resourceGroup": "g", "subscription": SUBSCRIPTION.to_lowercase(),
        });
        assert_eq!(described(&list), page);
    }
}
