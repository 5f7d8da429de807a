//! Rules of the source that neither rustfmt nor clippy knows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

const MAX_LINES: usize = 500;
/// Words that leave work behind; taken apart, so that this file keeps its own rule.
const LEFTOVERS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Checks the sources of the workspace in `root`, and reports everything that is wrong.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut wrong = Vec::new();
    for member in members(&read(&root.join("Cargo.toml"))?) {
        let manifest = root.join(&member).join("Cargo.toml");
        if !inherits_lints(&read(&manifest)?) {
            wrong.push(format!(
                "{member}/Cargo.toml: lacks `[lints] workspace = true`"
            ));
        }
        for path in sources(&root.join(&member))? {
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            let faults = faults(&read(&path)?);
            wrong.extend(faults.iter().map(|fault| format!("{name}: {fault}")));
        }
    }
    for fault in &wrong {
        eprintln!("{fault}");
    }
    if !wrong.is_empty() {
        bail!("tidy the sources: {} faults, named above", wrong.len());
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// The members that the workspace's manifest lists on one line or several.
fn members(manifest: &str) -> Vec<String> {
    let list = manifest
        .split_once("\nmembers = [")
        .and_then(|(_, rest)| rest.split_once(']'));
    let names = list.map_or("", |(list, _)| list).split(',');
    names
        .map(|name| name.trim().trim_matches('"').to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

fn inherits_lints(manifest: &str) -> bool {
    let lints = manifest
        .split("\n[")
        .find(|table| table.starts_with("lints]"));
    lints.is_some_and(|table| table.lines().any(|line| line.trim() == "workspace = true"))
}

/// The Rust files in a folder and below it.
fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("read {}", dir.display()))?
            .path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What is wrong with a source file. The tests at its end do not count for its length.
fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let length = text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .count();
    if length > MAX_LINES {
        faults.push(format!(
            "{length} lines without its tests, more than {MAX_LINES}"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        if let Some(word) = words.find(|word| LEFTOVERS.contains(word)) {
            faults.push(format!("line {}: {word}", index + 1));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_from_the_manifest() {
        let manifest = "[workspace]\nmembers = [\"a\",\n \"b\"]\ndefault-members = [\"c\"]\n";
        assert_eq!(members(manifest), ["a", "b"]);
    }

    #[test]
    fn the_lints_table_is_told_from_others() {
        assert!(inherits_lints("[package]\n\n[lints]\nworkspace = true\n"));
        assert!(!inherits_lints(
            "[lints.rust]\nx = 1\n[other]\nworkspace = true\n"
        ));
        assert!(!inherits_lints("[package]\n"));
    }

    #[test]
    fn long_files_and_leftovers_are_faults() {
        assert!(faults("fn a() {}\n").is_empty());
        assert_eq!(faults(&"\n".repeat(501)).len(), 1);
        assert!(faults(&format!("#[cfg(test)]\n{}", "\n".repeat(501))).is_empty());
        assert_eq!(faults(concat!("// TO", "DO: later\n")).len(), 1);
        assert!(faults(concat!("let TO", "DOS = 1;\n")).is_empty());
    }
}
