//! The software bill of materials, as CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/). It has no time and no
//! random serial number: the same sources give the same file.

use serde_json::{Value, json};

use super::dependencies::{Dependencies, Dependency};
use crate::workspace;

/// The document.
pub fn sbom(dependencies: &Dependencies) -> Value {
    let (name, version) = (workspace::LIBRARY_PACKAGE, workspace::version());
    let root = purl(name, version);
    let mut edges = vec![json!({ "ref": root, "dependsOn": references(&dependencies.direct) })];
    edges.extend(dependencies.all.iter().map(|dependency| {
        json!({ "ref": purl(&dependency.name, &dependency.version), "dependsOn": references(&dependency.uses) })
    }));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": {
            "type": "library", "bom-ref": root, "name": name, "version": version,
            "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        } },
        "components": dependencies.all.iter().map(component).collect::<Vec<_>>(),
        "dependencies": edges,
    })
}

fn component(dependency: &Dependency) -> Value {
    let purl = purl(&dependency.name, &dependency.version);
    json!({
        "type": "library",
        "bom-ref": purl,
        "name": dependency.name,
        "version": dependency.version,
        "description": dependency.description,
        "scope": "required",
        "hashes": [{ "alg": "SHA-256", "content": dependency.checksum }],
        "licenses": [{ "expression": dependency.license }],
        "purl": purl,
    })
}

fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{version}")
}

fn references<'a>(keys: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    keys.into_iter().map(|key| format!("pkg:cargo/{key}")).collect()
}
