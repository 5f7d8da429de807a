//! Help that shows how, and completions.

use std::{
    io,
    process::{Command, Stdio},
};

use netbridge_tests::{
    require_root,
    topology::{Host, binary},
};

/// The commands that a help text lists, but for `help` itself.
fn listed(help: &str) -> Vec<String> {
    let lines = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"));
    let lines = lines.skip(1).take_while(|line| !line.trim().is_empty());
    // A description that goes on in the next line stands further right.
    let own = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = own.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The help of a command and, in turn, of all below it.
fn walk(host: &Host, command: &[&str], found: &mut Vec<(String, String)>) {
    let help = host.ok(&[command, &["--help"]].concat());
    let help = plain(&help);
    for name in listed(&help) {
        walk(host, &[command, &[&name]].concat(), found);
    }
    found.push((command.join(" "), help));
}

/// The text without control sequences.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    first + &rest.collect::<String>()
}

#[test]
fn every_command_has_help_with_an_example() {
    require_root!();
    let mut found = Vec::new();
    walk(&Host::new(), &[], &mut found);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "demo",
        "run",
        "bridge add",
        "port set",
        "fdb flush",
        "bench",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    let bare = found.iter().filter(|(_, help)| !help.contains("Example"));
    let bare: Vec<&str> = bare.map(|(name, _)| name.as_str()).collect();
    assert_eq!(bare, [""; 0], "without an example");
}

#[test]
fn help_has_no_control_codes_where_there_is_no_terminal() {
    require_root!();
    let host = Host::new();
    for args in [["--help"].as_slice(), &["bridge", "add", "--help"]] {
        let help = host.ok(args);
        assert!(!help.contains('\u{1b}'), "{help:?}");
    }
}

#[test]
fn there_are_completions_for_every_shell() {
    require_root!();
    let host = Host::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = host.ok(&["completions", shell]);
        for word in ["netbridge", "bridge", "--json", "flush"] {
            let word = if shell == "fish" {
                word.trim_start_matches("--")
            } else {
                word
            };
            assert!(script.contains(word), "`{word}` for {shell}");
        }
    }
    let output = host.cli(&["completions", "dos"]);
    assert_eq!(output.code, 2, "{output:#?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    require_root!();
    for args in [["--help"].as_slice(), &["completions", "bash"]] {
        let (reader, writer) = io::pipe().expect("make a pipe");
        drop(reader);
        let mut command = Command::new(binary());
        let output = command
            .args(args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output();
        let output = output.expect("run netbridge");
        assert!(output.status.success(), "{args:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}
