//! The documents say what the code says: drop reasons, maps, layout version. Needs no root.
#![expect(clippy::panic, reason = "a test stops where it fails, and says so")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use netbridge_common::{ABI_VERSION, decide::DropReason};

/// Octets of an object's name that the kernel keeps.
const NAME_LEN: usize = 15;

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// The lines under a heading, up to the next one of the same rank or above.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let rank = heading.chars().take_while(|c| *c == '#').count();
    let ends = |line: &&str| {
        let hashes = line.chars().take_while(|c| *c == '#').count();
        (1..=rank).contains(&hashes)
    };
    let mut lines = text.lines().skip_while(|line| line.trim_end() != heading);
    assert!(lines.next().is_some(), "no heading `{heading}`");
    lines.take_while(|line| !ends(line)).collect()
}

/// The code in the first cell of a table's row.
fn row_name(line: &str) -> Option<&str> {
    let cell = line.trim().strip_prefix('|')?.split('|').next()?.trim();
    cell.strip_prefix('`')?.strip_suffix('`')
}

#[test]
fn the_datapath_document_lists_exactly_the_drop_reasons() {
    let text = read("docs/datapath.md");
    let rows = section(&text, "## Drop reasons")
        .into_iter()
        .filter_map(row_name);
    let listed: Vec<&str> = rows.collect();
    let documented: BTreeSet<&str> = listed.iter().copied().collect();
    let known: BTreeSet<&str> = DropReason::ALL.map(DropReason::name).into();
    let missing: Vec<_> = known.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&known).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "docs/datapath.md, `## Drop reasons`: rows missing for {missing:?}; rows for reasons that \
         do not exist: {unknown:?}"
    );
    assert_eq!(
        listed.len(),
        known.len(),
        "docs/datapath.md: a reason is listed twice: {listed:?}"
    );
}

#[test]
fn the_abi_document_names_every_map_and_the_version() {
    let text = read("docs/abi.md");
    let words: BTreeSet<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let maps = names("name");
    let is_missing = |map: &&String| !words.contains(map.as_str());
    let missing: Vec<_> = maps.iter().filter(is_missing).collect();
    assert!(
        missing.is_empty(),
        "docs/abi.md does not mention {missing:?}"
    );
    let version = format!("`ABI_VERSION` = {ABI_VERSION}");
    let stated = text.match_indices(&version).any(|(at, _)| {
        let rest = &text[at + version.len()..];
        !rest.starts_with(|c: char| c.is_ascii_digit())
    });
    assert!(stated, "docs/abi.md does not say {version}");
}

#[test]
fn the_kernel_keeps_names_whole() {
    let [maps, programs] = [names("name"), names("program")];
    assert!(maps.contains("FDB") && programs.contains("tc_ingress"));
    for name in maps.union(&programs) {
        let len = name.len();
        assert!(
            len <= NAME_LEN,
            "{name} has {len} octets; the kernel keeps {NAME_LEN}"
        );
    }
}

/// The strings in a module of `netbridge_common::maps`, where all names are.
fn names(module: &str) -> BTreeSet<String> {
    let source = read("netbridge-common/src/maps.rs");
    let heading = format!("pub mod {module} {{");
    let inside = source.lines().skip_while(|line| *line != heading);
    let inside = inside.take_while(|line| *line != "}");
    let strings = inside.filter_map(|line| line.split('"').nth(1));
    strings.map(str::to_owned).collect()
}
