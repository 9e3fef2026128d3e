//! The ledger of docs/emulator.md, as far as it explains differences.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The fields that a row with a witness names in its last column.
///
/// # Errors
///
/// The file cannot be read or has no ledger, or a row explains by an assumption or names no single field.
pub fn read(file: &Path) -> Result<BTreeSet<String>> {
    const WITNESSES: [&str; 4] = ["recording", "specification", "quoted", "client"];
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let (_, ledger) = text
        .split_once("| behaviour | witness | explains |")
        .with_context(|| format!("{} has no ledger", file.display()))?;
    let mut fields = BTreeSet::new();
    for row in ledger.lines().skip(2).take_while(|line| line.starts_with('|')) {
        // The last column ends with a bar, and one within code is escaped.
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[behaviour, witness, explains] = &cells[..] else {
            bail!("the ledger's row has {} columns: {row}", cells.len());
        };
        if witness != "assumed" && !WITNESSES.contains(&witness) {
            bail!("'{witness}' is no witness: {behaviour}");
        }
        if explains.is_empty() {
            continue;
        }
        if witness == "assumed" {
            bail!("an assumption explains nothing: {behaviour}");
        }
        let field = explains
            .strip_prefix('`')
            .and_then(|field| field.strip_suffix('`'))
            .filter(|field| !field.contains(['`', ' ', '*']))
            .with_context(|| format!("{explains} is not one field: {behaviour}"))?;
        fields.insert(field.to_owned());
    }
    Ok(fields)
}
