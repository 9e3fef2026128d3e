//! A module as a NuGet package, laid out as `Publish-PSResource` lays it out: the module's files at the top, the
//! metadata of the manifest in a nuspec, and the parts of the Open Packaging Conventions (ECMA-376, part 2) around them.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::archive::{self, Files};
use super::manifest::Manifest;

/// The package of a module with these files, the completed manifest among them.
pub fn nupkg(module: &str, manifest: &Manifest, files: &Files) -> Result<Vec<u8>> {
    let nuspec = nuspec(module, manifest)?;
    // NuGet names this part by chance.
    let core = format!("package/services/metadata/core-properties/{}.psmdcp", hex(&nuspec, 16));
    let properties = core_properties(module, manifest)?;
    let first = [
        ("_rels/.rels".to_owned(), relationships(module, &core).into_bytes()),
        (format!("{module}.nuspec"), nuspec.into_bytes()),
    ];
    let mut all = files.clone();
    all.insert(core, properties.into_bytes());
    all.insert("[Content_Types].xml".to_owned(), content_types(files).into_bytes());
    archive::zip(&first, &all)
}

fn nuspec(module: &str, manifest: &Manifest) -> Result<String> {
    let mut tags = vec!["PSModule".to_owned()];
    tags.extend(manifest.values("Tags")?);
    // What Find-PSResource -CommandName looks for.
    let functions = manifest.values("FunctionsToExport")?;
    if !functions.is_empty() {
        tags.push("PSIncludes_Function".into());
    }
    tags.extend(
        functions
            .iter()
            .flat_map(|name| [format!("PSFunction_{name}"), format!("PSCommand_{name}")]),
    );

    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<package xmlns=\"http://schemas.microsoft.com/packaging/2011/08/nuspec.xsd\">\n  <metadata>\n",
    );
    for (element, value) in [
        ("id", Some(module.to_owned())),
        ("version", Some(manifest.value("ModuleVersion")?)),
        ("authors", Some(manifest.value("Author")?)),
        ("owners", Some(manifest.value("CompanyName")?)),
        ("requireLicenseAcceptance", Some("false".to_owned())),
        ("licenseUrl", manifest.shown("LicenseUri").map(str::to_owned)),
        ("projectUrl", manifest.shown("ProjectUri").map(str::to_owned)),
        ("description", Some(manifest.value("Description")?)),
        ("releaseNotes", manifest.shown("ReleaseNotes").map(str::to_owned)),
        ("copyright", Some(manifest.value("Copyright")?)),
        ("tags", Some(tags.join(" "))),
    ] {
        if let Some(value) = value {
            writeln!(text, "    <{element}>{}</{element}>", escaped(&value))?;
        }
    }
    let required = manifest.required_modules()?;
    if !required.is_empty() {
        text.push_str("    <dependencies>\n");
        for (name, version) in required {
            writeln!(
                text,
                "      <dependency id=\"{}\" version=\"[{}]\" />",
                escaped(&name),
                escaped(&version)
            )?;
        }
        text.push_str("    </dependencies>\n");
    }
    text.push_str("  </metadata>\n</package>\n");
    Ok(text)
}

fn relationships(module: &str, core: &str) -> String {
    let relationship = |kind: &str, target: &str| {
        format!(
            "<Relationship Type=\"{kind}\" Target=\"/{target}\" Id=\"R{}\" />",
            hex(target, 8)
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{}{}</Relationships>",
        relationship(
            "http://schemas.microsoft.com/packaging/2010/07/manifest",
            &format!("{module}.nuspec")
        ),
        relationship(
            "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
            core
        ),
    )
}

fn core_properties(module: &str, manifest: &Manifest) -> Result<String> {
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><coreProperties xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\"><dc:creator>{}</dc:creator>\
         <dc:description>{}</dc:description><dc:identifier>{}</dc:identifier><version>{}</version></coreProperties>",
        escaped(&manifest.value("Author")?),
        escaped(&manifest.value("Description")?),
        escaped(module),
        escaped(&manifest.value("ModuleVersion")?),
    ))
}

/// Every part of the package has a type, by its extension or by its name.
fn content_types(files: &Files) -> String {
    let mut extensions = BTreeSet::from(["nuspec"]);
    let mut without = Vec::new();
    for name in files.keys() {
        match name.rsplit('/').next().and_then(|file| file.rsplit_once('.')) {
            Some((_, extension)) => {
                extensions.insert(extension);
            }
            None => without.push(name),
        }
    }
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\" />\
         <Default Extension=\"psmdcp\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\" />",
    );
    for extension in extensions {
        text += &format!(
            "<Default Extension=\"{}\" ContentType=\"application/octet\" />",
            escaped(extension)
        );
    }
    for name in without {
        text += &format!(
            "<Override PartName=\"/{}\" ContentType=\"application/octet\" />",
            escaped(name)
        );
    }
    text + "</Types>"
}

fn hex(text: &str, bytes: usize) -> String {
    Sha256::digest(text)
        .iter()
        .take(bytes)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
