//! The benchmark's promises to programs and to the host; speed is not a matter for tests.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

mod docker;

use std::{fs, process::Command, thread, time::Duration};

use netbridge::bench::{Datapath, TESTS};
use netbridge_tests::{
    require_root, require_tool,
    snapshot::Snapshot,
    topology::{Host, Running, binary},
};
use nix::{
    mount::{MsFlags, mount},
    sys::signal::Signal,
};
use serde_json::Value;

/// Longest that a short session may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

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
    for state in environment["offload_state"].as_array().expect("offloads") {
        assert_eq!(state["tx_checksum"], true, "{state}");
    }
    assert!(environment["warnings"].is_array(), "{report}");
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
    datapaths.dedup();
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
    assert!(report.starts_with("# "), "{report}");
    for picture in ["overview.svg", "udp_small.svg"] {
        assert!(report.contains(&format!("]({picture})")), "{report}");
        let svg = read(picture);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("netbridge-tc"), "{svg}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_anything_is_measured() {
    require_root!();
    for dir in ["/proc/results", "/proc/version/results"] {
        refused(&[&SESSION[..], &["--out", dir]].concat(), 1, &[dir]);
    }
}

#[test]
fn a_folder_without_room_is_refused_before_anything_is_measured() {
    require_root!();
    let host = Host::new();
    full_disk(&host, "64k");
    let before = Snapshot::of(&host);
    let output = host.cli(&[&SESSION[..], &["--out", "/run/disk/new"]].concat());
    assert_eq!(output.code, 1, "{output:#?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:#?}");
    for word in ["/run/disk/new", "No space"] {
        assert!(output.stderr.contains(word), "`{word}` in {output:#?}");
    }
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn results_that_cannot_be_written_are_shown_all_the_same() {
    require_root!();
    let host = Host::new();
    full_disk(&host, "4m");
    let bench = follow(&host, &["--json", "--out", "/run/disk/new"]);
    bench.line(PATIENCE, |line| line.contains("udp on"));
    // There was room at first.
    host.run(|| fs::write("/run/disk/other", vec![1; 5 << 20]).expect_err("fill the disk"));
    let before = Snapshot::of(&host);
    let output = bench.finish(PATIENCE);
    assert_eq!(output.code, 1, "{output:#?}");
    let last = output.stdout.lines().last().expect("an error");
    assert!(
        last.contains("write /run/disk/new/results.json"),
        "{output:#?}"
    );
    let json = output.stdout.lines().find(|line| line.starts_with('{'));
    check(&serde_json::from_str(json.expect("results")).expect("JSON"));
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn a_datapath_that_needs_more_than_a_kernel_runs_or_says_why_it_cannot() {
    require_root!();
    let host = Host::new();
    let before = Snapshot::of(&host);
    let names = ["linux-bridge-nf", "netkit", "ovs"];
    let session = ["bench", "first_packet", "--quick", "--runs", "1", "--json"];
    let json = host.ok(&[&session[..], &["--datapath"], &names].concat());
    let report: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["failures"], serde_json::json!([]));
    for name in names {
        let results = report["results"].as_array().expect("results");
        let runs = results.iter().any(|result| result["datapath"] == name);
        let unavailable = report["unavailable"].as_array().expect("a list");
        let reason = unavailable.iter().find(|pair| pair[0] == name);
        assert_ne!(runs, reason.is_some(), "{name}: {report}");
    }
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn a_killed_daemon_loses_no_frame() {
    require_root!();
    let host = Host::new();
    let before = Snapshot::of(&host);
    let json = host.ok(&["bench", "reset", "--quick", "--runs", "1", "--json"]);
    let report: Value = serde_json::from_str(&json).expect("JSON");
    let results = report["results"].as_array().expect("results");
    assert_eq!(results.len(), 2, "{report}");
    for result in results {
        assert_eq!(result["test"], "reset_lost");
        assert_eq!(result["median"].as_f64(), Some(0.0), "{result}");
    }
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn an_unknown_test_or_datapath_is_refused_with_the_known_ones() {
    require_root!();
    let tests = [
        "warp",
        "throughput",
        "flows",
        "loss",
        "pressure",
        "meshed",
        "holb",
        "broadcast",
        "learning",
        "capacity",
        "fdb",
        "churn",
        "udp",
        "tcp",
        "latency",
        "first_packet",
        "reset",
        "cost",
        "features",
        "attach",
        "memory",
        "fdb_dump",
        "fdb_sweep",
        "docker",
    ];
    refused(&["bench", "warp"], 2, &tests);
    refused(&["bench", "udp", "warp", "--json"], 2, &tests);
    let datapaths = [
        "warp",
        "veth",
        "xdp-static",
        "tc-static",
        "linux-bridge",
        "linux-bridge-nf",
        "macvlan",
        "netkit",
        "ovs",
        "netbridge-tc",
        "netbridge-xdp",
        "docker-bridge",
        "docker-user-bridge",
        "docker-netbridge",
    ];
    refused(&["bench", "udp", "--datapath", "warp"], 2, &datapaths);
    refused(&["bench", "--runs", "0"], 2, &["--runs", "0"]);
    refused(&["bench", "--datapath"], 2, &["--datapath"]);
}

#[test]
fn what_is_named_twice_is_measured_once() {
    require_root!();
    let twice = ["bench", "udp", "udp", "--quick", "--runs", "1", "--json"];
    let datapaths = ["--datapath", "linux-bridge", "netbridge-tc"];
    let stdout = Host::new().ok(&[&twice[..], &datapaths, &datapaths].concat());
    check(&serde_json::from_str(&stdout).expect("JSON"));
}

#[test]
fn help_lists_every_test_and_datapath() {
    let output = Command::new(binary()).args(["bench", "--help"]).output();
    let help = String::from_utf8(output.expect("run it").stdout).expect("text");
    // Where lines end is a matter of the terminal.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = words(&help);
    for test in TESTS {
        assert!(help.contains(&format!("  {} ", test.name)), "{help}");
        assert!(
            said.contains(&words(test.about)),
            "{} in {help}",
            test.about
        );
    }
    for datapath in Datapath::ALL {
        assert!(help.contains(datapath.about()), "{datapath:?} in {help}");
    }
}

#[test]
fn one_cpu_is_enough_and_is_told() {
    require_root!();
    require_tool!("taskset");
    let host = Host::new();
    // Any one will do, not the first alone.
    let mut command = Command::new("taskset");
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    command.args(["-c", &(cpus - 1).to_string()]).arg(binary());
    command.args([&SESSION[..], &["--json"]].concat());
    let output = host.start(command).finish(PATIENCE);
    assert_eq!(output.code, 0, "{output:#?}");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    check(&report);
    let environment = &report["environment"];
    assert_eq!(environment["cpus"], 1);
    let pinning = environment["pinning"].as_str().expect("a text");
    assert!(
        pinning.contains(&format!("CPU {}, the only one", cpus - 1)),
        "{pinning}"
    );
    let warnings = environment["warnings"].to_string();
    assert!(
        warnings.contains("sender and receiver share it"),
        "{warnings}"
    );
}

#[test]
fn no_program_need_be_installed() {
    require_root!();
    let host = Host::new();
    let mut command = Command::new(binary());
    command.args(SESSION).env("PATH", "/nonexistent");
    let output = host.start(command).finish(PATIENCE);
    assert_eq!(output.code, 0, "{output:#?}");
}

#[test]
fn who_may_not_measure_is_told_so() {
    require_root!();
    require_tool!("setpriv");
    let host = Host::new();
    let before = Snapshot::of(&host);
    let mut command = Command::new("setpriv");
    command.args([
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--ambient-caps=-all",
    ]);
    command.arg(binary()).args(SESSION);
    let output = host.start(command).finish(PATIENCE);
    assert_eq!(output.code, 3, "{output:#?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:#?}");
    assert!(output.stderr.contains("root"), "{output:#?}");
    assert_eq!(output.stdout, "");
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn a_test_that_fails_is_named_and_the_others_go_on() {
    require_root!();
    let host = Host::new();
    let before = Snapshot::of(&host);
    let mut command = Command::new("sh");
    // Too few descriptors for the many namespaces of one test, enough for the other.
    let session = "ulimit -n 60; exec \"$0\" bench broadcast udp --runs 1 --datapath linux-bridge";
    command.args(["-c", session]).arg(binary());
    let output = host.start(command).finish(PATIENCE);
    assert_eq!(output.code, 1, "{output:#?}");
    assert!(output.stdout.contains("udp_small"), "{output:#?}");
    let last = output.stderr.lines().last().expect("an error");
    let failure = "netbridge: broadcast failed on linux-bridge: ";
    assert!(last.starts_with(failure), "{output:#?}");
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn nobody_need_read_what_it_says() {
    require_root!();
    let host = Host::new();
    // Both outputs are a pipe whose reader is gone.
    let session = "\"$0\" \"$@\" 2>&1 | true; echo over";
    let mut command = Command::new("bash");
    command
        .args(["-o", "pipefail", "-e", "-c", session])
        .arg(binary());
    command.args(SESSION);
    let output = host.start(command).finish(PATIENCE);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, "over\n"),
        "{output:#?}"
    );
}

#[test]
fn an_interrupted_session_leaves_nothing() {
    require_root!();
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGKILL, -1)] {
        // While it looks at the machine, builds a rig, and measures.
        for (wait, millis) in [
            ("", 0),
            ("", 150),
            ("udp on", 0),
            ("udp on", 60),
            ("udp on", 300),
        ] {
            let host = Host::new();
            let before = Snapshot::of(&host);
            let bench = follow(&host, &["--out", "/run/new/results"]);
            if !wait.is_empty() {
                bench.line(PATIENCE, |line| line.contains(wait));
            }
            thread::park_timeout(Duration::from_millis(millis));
            bench.signal(signal);
            let output = bench.finish(Duration::from_secs(10));
            // Before it can listen, a signal ends it as it would any process.
            assert!(
                [code, -1].contains(&output.code),
                "{signal} {millis}: {output:#?}"
            );
            if output.code == 130 {
                let last = output.stdout.lines().last().expect("a line");
                assert!(last.contains("netbridge: interrupted"), "{output:#?}");
            }
            assert!(!output.stdout.contains("udp_small"), "{output:#?}");
            assert_eq!(Snapshot::of(&host), before, "{signal} {wait} {millis}");
        }
    }
}

/// Starts a session like [`SESSION`], with its progress where it can be followed.
fn follow(host: &Host, more: &[&str]) -> Running {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
        .arg(binary());
    command.args(SESSION).args(more);
    host.start(command)
}

/// Mounts a disk of `size` on `host`, at `/run/disk`.
fn full_disk(host: &Host, size: &str) {
    let options = format!("size={size}");
    host.run(move || {
        fs::create_dir("/run/disk").expect("make a folder");
        let (kind, flags) = (Some("tmpfs"), MsFlags::empty());
        mount(kind, "/run/disk", kind, flags, Some(options.as_str())).expect("mount a disk");
    });
}
