//! A module's manifest: what it says, and what packing adds to it.
//!
//! It is read line by line, as the manifests here are written: `Name = 'text'`, `Name = @('one', 'two')`.

use anyhow::{Result, ensure};

/// A module's manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    module: String,
    source: String,
    shown: Vec<(&'static str, String)>,
}

impl Manifest {
    /// The manifest of this module; `shown` is what packing adds to the texts that galleries show, by their names there.
    pub fn new(module: &str, source: &str, shown: Vec<(&'static str, String)>) -> Self {
        Self {
            module: module.to_owned(),
            source: source.replace("\r\n", "\n"),
            shown,
        }
    }

    /// A text that packing adds.
    pub fn shown(&self, name: &str) -> Option<&str> {
        self.shown
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, text)| text.as_str())
    }

    /// A value that must be there.
    pub fn value(&self, name: &str) -> Result<String> {
        let mut values = self.values(name)?;
        ensure!(values.len() == 1, "{} of {}.psd1 is not one text", name, self.module);
        Ok(values.remove(0))
    }

    /// The texts between quotes in a value; none where it is not there.
    pub fn values(&self, name: &str) -> Result<Vec<String>> {
        let Some((_, value)) = self
            .source
            .lines()
            .find_map(|line| assignment(line).filter(|(found, _)| *found == name))
        else {
            return Ok(Vec::new());
        };
        let mut texts: Vec<String> = Vec::new();
        // Texts and what is between them take turns. A quote inside a text stands twice: nothing is between its parts.
        let pieces: Vec<&str> = value.split('\'').collect();
        for (index, text) in pieces.iter().enumerate().skip(1).step_by(2) {
            match texts.last_mut() {
                Some(last) if index > 1 && pieces[index - 1].is_empty() => *last = format!("{last}'{text}"),
                _ => texts.push((*text).to_owned()),
            }
        }
        Ok(texts)
    }

    /// The modules that it requires, with their exact versions.
    pub fn required_modules(&self) -> Result<Vec<(String, String)>> {
        let texts = self.values("RequiredModules")?;
        ensure!(
            texts.len() % 2 == 0,
            "RequiredModules of {}.psd1 has not a version for each name",
            self.module
        );
        Ok(texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }

    /// The manifest as it is packed: with the list of the module's files, and with the added texts.
    pub fn complete<'a>(&self, files: impl Iterator<Item = &'a String>) -> Result<String> {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let list: Vec<String> = files.map(|file| quoted(file)).collect();
        let (mut lines, mut found) = (Vec::new(), Vec::new());
        for line in self.source.lines() {
            let indent = &line[..line.len() - line.trim_start().len()];
            match assignment(line).map(|(name, _)| name) {
                Some(name @ "PrivateData") => {
                    found.push(name);
                    let list = list.join(&format!("\n{indent}    "));
                    lines.push(format!("{indent}FileList = @(\n{indent}    {list}\n{indent})"));
                }
                Some(name @ "Tags") => {
                    found.push(name);
                    let shown = self.shown.iter();
                    lines.extend(shown.map(|(name, text)| format!("{indent}{name} = {}", quoted(text))));
                }
                Some(name) => ensure!(
                    name != "FileList" && self.shown(name).is_none(),
                    "{}.psd1 has {name}, which packing adds",
                    self.module
                ),
                None => {}
            }
            lines.push(line.to_owned());
        }
        ensure!(
            found == ["PrivateData", "Tags"],
            "{}.psd1 needs PrivateData, and Tags in it, each once on a line of its own",
            self.module
        );
        Ok(lines.join("\n") + "\n")
    }
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    name.chars().all(char::is_alphanumeric).then_some((name, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "@{\n    # ModuleVersion = 'not this'\n    ModuleVersion     = '1.2.3'\n    Description = 'the module''s own'\n    \
        RequiredModules = @(@{ ModuleName = 'A.B'; RequiredVersion = '1.2.3' })\n    PrivateData = @{\n        PSData = @{\n            \
        Tags = @('One', 'Two')\n        }\n    }\n}\n";

    #[test]
    fn values_are_read_with_their_quotes() {
        let manifest = Manifest::new("A", TEXT, Vec::new());
        assert_eq!(manifest.value("ModuleVersion").unwrap(), "1.2.3");
        assert_eq!(manifest.value("Description").unwrap(), "the module's own");
        assert_eq!(manifest.values("Tags").unwrap(), ["One", "Two"]);
        assert_eq!(
            manifest.required_modules().unwrap(),
            [("A.B".to_owned(), "1.2.3".to_owned())]
        );
        assert!(manifest.value("GUID").is_err());
    }

    #[test]
    fn what_packing_adds_stands_where_powershell_looks_for_it() {
        let manifest = Manifest::new("A", TEXT, vec![("ProjectUri", "https://a.example".into())]);
        let files = ["A.psd1".to_owned(), "it's.ps1".to_owned()];
        let text = manifest.complete(files.iter()).unwrap();
        assert!(
            text.contains("    FileList = @(\n        'A.psd1'\n        'it''s.ps1'\n    )\n    PrivateData"),
            "{text}"
        );
        assert!(
            text.contains("            ProjectUri = 'https://a.example'\n            Tags"),
            "{text}"
        );
        assert!(Manifest::new("A", "@{}", Vec::new()).complete(files.iter()).is_err());
    }
}
