//! Holds the emulator against recorded traffic: replays exchanges and shows every difference that the ledger of
//! docs/emulator.md doesn't explain.

mod difference;
mod ledger;
mod recordings;
mod replay;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use crate::emulator::{Emulator, Profile};
use crate::workspace;

/// Replays the exchanges of every JSON file in a folder.
///
/// # Errors
///
/// The folder has no exchanges, the emulator cannot be asked, or a difference is unexplained.
pub fn parity(folder: &Path) -> Result<()> {
    let ledger = ledger::read(&workspace::root().join("docs/emulator.md"))?;
    let recordings::Found {
        services,
        examples,
        other,
    } = recordings::read(folder)?;
    if services.is_empty() && examples.is_empty() {
        bail!("{} holds no exchanges", folder.display());
    }
    // Every answer of the service shows what is left of its buckets, so the emulator has some; they never run out.
    let buckets = ["--write-bucket", "1200", "--read-bucket", "12000"];
    let emulator = Emulator::start(Profile::Dev, buckets)?;
    let mut replay = replay::Replay::new(&emulator)?;
    let (mut replayed, mut explained, mut unexplained) = (0, BTreeMap::<String, usize>::new(), 0);
    let mut results = Vec::new();
    for service in &services {
        results.push(replay.service(service)?);
    }
    for example in &examples {
        results.push(replay.example(example)?);
    }
    for result in results {
        replayed += result.len();
        for (name, differences) in result {
            for difference in differences {
                if ledger.contains(&difference.field) {
                    *explained.entry(difference.field).or_default() += 1;
                } else {
                    unexplained += 1;
                    println!("{name}\n  {}: {}", difference.field, difference.text);
                }
            }
        }
    }
    for file in &other {
        println!("{file} holds answers without their requests: not replayed");
    }
    for (field, times) in &explained {
        println!("explained {times} times: {field}");
    }
    println!(
        "{replayed} exchanges replayed, {} set up from what they show, {unexplained} unexplained differences",
        replay.set_up
    );
    match unexplained {
        0 => Ok(()),
        _ => bail!("{unexplained} differences that no row of the ledger explains"),
    }
}
