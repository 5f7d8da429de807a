//! The documents say what the code says: drop reasons, maps, layout version. Needs no root.
#![expect(clippy::panic, reason = "a test stops where it fails, and says so")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use netbridge_common::{
    ABI_VERSION,
    decide::DropReason,
    maps::{name, program},
};

const MAPS: [&str; 13] = [
    name::SETTINGS,
    name::PORT_CONF,
    name::PORT_INFO,
    name::PORT_IDS,
    name::PORT_COUNTERS,
    name::FDB,
    name::LEARNED,
    name::UNLEARNED,
    name::FLOOD_PORTS,
    name::XDP_PORTS,
    name::XDP_FLOOD,
    name::EVENTS,
    name::EVENT_BUDGET,
];

const PROGRAMS: [&str; 3] = [
    program::TC_INGRESS,
    program::XDP_INGRESS,
    program::XDP_EGRESS,
];

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
    let missing: Vec<_> = MAPS.iter().filter(|map| !words.contains(*map)).collect();
    assert!(
        missing.is_empty(),
        "docs/abi.md does not mention {missing:?}"
    );
    let version = format!("`ABI_VERSION` = {ABI_VERSION}");
    assert!(
        text.lines()
            .any(|line| line.trim_end_matches(['.', ' ']).ends_with(&version)),
        "docs/abi.md has no line that ends with {version}"
    );
}

#[test]
fn this_test_knows_every_map() {
    let source = read("netbridge-common/src/maps.rs");
    let strings = source.split('"').skip(1).step_by(2);
    let known: BTreeSet<&str> = MAPS.into_iter().chain(PROGRAMS).collect();
    let missing: Vec<&str> = strings.filter(|name| !known.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "tests/tests/docs.rs does not list {missing:?}"
    );
}

#[test]
fn the_kernel_keeps_names_whole() {
    for name in MAPS.into_iter().chain(PROGRAMS) {
        let len = name.len();
        assert!(
            len <= NAME_LEN,
            "{name} has {len} octets; the kernel keeps {NAME_LEN}"
        );
    }
}
