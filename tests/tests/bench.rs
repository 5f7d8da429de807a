//! The benchmark's promises to programs and to the host; speed is not a matter for tests.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

use std::{fs, process::Command, thread, time::Duration};

use netbridge_tests::{
    require_root,
    snapshot::Snapshot,
    topology::{Host, binary},
};
use nix::sys::signal::Signal;
use serde_json::Value;

/// The shortest session that compares something.
const SESSION: [&str; 8] = [
    "bench",
    "udp",
    "--quick",
    "--runs",
    "1",
    "--datapath",
    "linux-bridge",
    "netbridge-tc",
];

/// Checks a report of [`SESSION`].
fn check(report: &Value) {
    let environment = report["environment"].as_object().expect("an environment");
    for field in ["netbridge", "kernel", "cpu", "cpus"] {
        let value = environment.get(field);
        assert!(value.is_some_and(|value| !value.is_null()), "{field}");
    }
    let results = report["results"].as_array().expect("results");
    let mut datapaths: Vec<&str> = Vec::new();
    for result in results {
        datapaths.push(result["datapath"].as_str().expect("a name"));
        for field in ["test", "unit"] {
            assert!(result[field].is_string(), "{field} in {result}");
        }
        let test = result["test"].as_str().expect("a name");
        assert!(test.starts_with("udp"), "{result}");
        let number = |field: &str| {
            let value = result[field].as_f64();
            value.unwrap_or_else(|| panic!("{field} in {result}"))
        };
        let (median, min, max) = (number("median"), number("min"), number("max"));
        assert!(median > 0.0 && min <= median && median <= max, "{result}");
        assert_eq!(result["runs"], 1);
        assert!(number("vs_linux_bridge") > 0.0, "{result}");
        // The limit was not measured, but its place is there.
        let limit = result.as_object().expect("an object").get("vs_limit");
        assert_eq!(limit, Some(&Value::Null), "{result}");
    }
    datapaths.sort_unstable();
    assert_eq!(datapaths, ["linux-bridge", "netbridge-tc"]);
    let same = results.iter().find(|r| r["datapath"] == "linux-bridge");
    let ratio = same.expect("the kernel's bridge")["vs_linux_bridge"].as_f64();
    assert!(ratio.is_some_and(|ratio| (ratio - 1.0).abs() < 1e-9));
}

/// Expects that `args` are refused with `code` and one line with all of `words`, leaving nothing.
fn refused(args: &[&str], code: i32, words: &[&str]) {
    let host = Host::new();
    let before = Snapshot::of(&host);
    let output = host.cli(args);
    assert_eq!(output.code, code, "netbridge {args:?}: {output:#?}");
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr.lines().count(), 1, "{args:?}: {output:#?}");
    for word in words {
        assert!(output.stderr.contains(word), "`{word}` in {output:#?}");
    }
    assert_eq!(Snapshot::of(&host), before, "netbridge {args:?}");
}

#[test]
fn a_session_reports_what_it_promises_and_leaves_nothing() {
    require_root!();
    let host = Host::new();
    let before = Snapshot::of(&host);
    let stdout = host.ok(&[&SESSION[..], &["--json"]].concat());
    assert_eq!(stdout.lines().count(), 1, "JSON alone: {stdout}");
    check(&serde_json::from_str(&stdout).expect("JSON"));
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn results_are_also_written_into_a_folder() {
    require_root!();
    let host = Host::new();
    let table = host.ok(&[&SESSION[..], &["--out", "/run/new/results"]].concat());
    let read = |name: &'static str| {
        let path = format!("/run/new/results/{name}");
        host.run(move || fs::read_to_string(path).expect("read a file of the results"))
    };
    check(&serde_json::from_str(&read("results.json")).expect("JSON"));
    for text in [table, read("report.md")] {
        for word in ["udp", "linux-bridge", "netbridge-tc", "median"] {
            assert!(text.contains(word), "`{word}` in {text}");
        }
    }
    let report = read("report.md");
    assert!(report.starts_with("# ") && report.contains("Kernel "));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_anything_is_measured() {
    require_root!();
    for dir in ["/proc/results", "/proc/version/results"] {
        refused(&[&SESSION[..], &["--out", dir]].concat(), 1, &[dir]);
    }
}

#[test]
fn results_that_cannot_be_written_are_shown_all_the_same() {
    require_root!();
    // A folder that is there, in which nobody can make a file.
    let output = Host::new().cli(&[&SESSION[..], &["--json", "--out", "/proc"]].concat());
    assert_eq!(output.code, 1, "{output:#?}");
    let last = output.stderr.lines().last().expect("an error");
    assert!(last.contains("/proc/results.json"), "{output:#?}");
    check(&serde_json::from_str(&output.stdout).expect("JSON"));
}

#[test]
fn an_unknown_test_or_datapath_is_refused_with_the_known_ones() {
    require_root!();
    let tests = [
        "warp",
        "throughput",
        "flows",
        "broadcast",
        "learning",
        "udp",
        "tcp",
        "latency",
        "cost",
        "attach",
        "memory",
        "fdb_dump",
        "fdb_sweep",
    ];
    refused(&["bench", "warp"], 2, &tests);
    refused(&["bench", "udp", "warp", "--json"], 2, &tests);
    let datapaths = [
        "warp",
        "veth",
        "xdp-static",
        "tc-static",
        "linux-bridge",
        "macvlan",
        "netbridge-tc",
        "netbridge-xdp",
    ];
    refused(&["bench", "udp", "--datapath", "warp"], 2, &datapaths);
    refused(&["bench", "--runs", "0"], 2, &["--runs", "0"]);
}

#[test]
fn an_interrupted_session_leaves_nothing() {
    require_root!();
    for datapath in ["netbridge-tc", "netbridge-xdp"] {
        let host = Host::new();
        let before = Snapshot::of(&host);
        // Progress is on standard error; here it goes where it can be followed.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
            .arg(binary());
        command.args(["bench", "udp", "--runs", "100", "--datapath", datapath]);
        let bench = host.start(command);
        bench.line(Duration::from_secs(20), |line| line.contains(datapath));
        // Into the run that was just announced.
        thread::park_timeout(Duration::from_millis(300));
        bench.signal(Signal::SIGINT);
        let output = bench.finish(Duration::from_secs(10));
        assert_ne!(output.code, 0, "{output:#?}");
        assert!(!output.stdout.contains("udp_small"), "{output:#?}");
        assert_eq!(Snapshot::of(&host), before);
    }
}
