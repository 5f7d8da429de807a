//! The doctor: says what is wrong and which command helps, and touches nothing.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

use std::time::Duration;

use netbridge::net::{Links, NetError, Netns, ethtool};
use netbridge_tests::{require_root, snapshot::Snapshot, topology::Host};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A host with free interfaces v1 and v2, and a container behind each.
struct Scene {
    host: Host,
    containers: [Netns; 2],
}

fn scene() -> Scene {
    let host = Host::new();
    let containers = ["v1", "v2"].map(|name| host.container(name, None, None));
    Scene { host, containers }
}

/// A scene whose interfaces are ports of br0 at these hooks.
fn bridged(hooks: [&str; 2]) -> Scene {
    let scene = scene();
    scene.host.ok(&["bridge", "add", "br0"]);
    for (port, hook) in ["v1", "v2"].into_iter().zip(hooks) {
        scene.host.ok(&["port", "add", "br0", port, "--hook", hook]);
    }
    scene
}

/// Sets an offload of `eth0`.
fn set(container: &Netns, setter: fn(&str, bool) -> Result<(), NetError>, on: bool) {
    let set = || setter("eth0", on).expect("set an offload");
    container.run(set).expect("enter the container");
}

/// What the doctor finds; fails where it changes anything.
fn doctor(host: &Host, target: &[&str]) -> Value {
    let before = Snapshot::of(host);
    let args = [&["doctor", "--json"], target].concat();
    let report = serde_json::from_str(&host.ok(&args)).expect("JSON");
    assert_eq!(Snapshot::of(host), before, "netbridge {args:?}");
    report
}

/// The one finding of `check`.
fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("findings");
    let mut of_it = findings.iter().filter(|finding| finding["check"] == check);
    let finding = of_it.next();
    assert!(of_it.next().is_none(), "{check} is there twice: {report}");
    finding.unwrap_or_else(|| panic!("no {check} in {report}"))
}

/// Expects that `check` came to `status`, and that finding and remedy hold these words.
fn expect(report: &Value, check: &str, status: &str, found: &[&str], remedy: &[&str]) {
    let finding = finding(report, check);
    assert_eq!(finding["status"], status, "{finding}");
    for (field, words) in [("found", found), ("remedy", remedy)] {
        for word in words {
            let text = finding[field].as_str().unwrap_or_default();
            assert!(text.contains(word), "`{word}` in {field} of {finding}");
        }
    }
}

#[test]
fn the_machine_is_fit_and_keeps_nothing_of_the_trial() {
    require_root!();
    let host = Host::new();
    let report = doctor(&host, &[]);
    for check in [
        "kernel",
        "btf",
        "bpffs",
        "capabilities",
        "programs",
        "veth",
        "tcx",
        "xdp",
        "forwarding",
    ] {
        expect(&report, check, "ok", &[], &[]);
    }
    for finding in report["findings"].as_array().expect("findings") {
        assert_eq!(finding["subject"], "machine");
        assert!(
            finding["found"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        // Whatever is not right comes with what to do, or with why it could not be seen.
        let helped = finding["remedy"].is_string() || finding["status"] != "problem";
        assert!(helped, "{finding}");
    }
    assert_ne!(report["worst"], "problem");
    let text = host.ok(&["doctor"]);
    assert!(text.starts_with("machine:\n") && text.contains("problems: 0"));
    assert!(!text.contains('\u{1b}'), "no control codes in a pipe");
}

#[test]
fn an_xdp_port_whose_container_has_checksums_on_again_is_a_problem() {
    require_root!();
    let Scene { host, containers } = bridged(["xdp", "tc"]);
    expect(&doctor(&host, &["v1"]), "tx_checksum", "ok", &["off"], &[]);
    set(&containers[0], ethtool::set_tx_checksum, true);
    let commands = [
        "ethtool -K eth0 tx off",
        "netbridge port del br0 v1",
        "netbridge port add br0 v1 --hook xdp",
    ];
    for target in ["v1", "br0"] {
        let report = doctor(&host, &[target]);
        assert_eq!(report["worst"], "problem");
        expect(
            &report,
            "tx_checksum",
            "problem",
            &["on at eth0", "checksums"],
            &commands,
        );
    }
    // The remedy is one.
    host.ok(&["port", "del", "br0", "v1"]);
    host.ok(&["port", "add", "br0", "v1", "--hook", "xdp"]);
    expect(&doctor(&host, &["v1"]), "tx_checksum", "ok", &[], &[]);
}

#[test]
fn a_container_without_gro_is_named_where_xdp_frames_cannot_reach_it() {
    require_root!();
    let Scene { host, containers } = bridged(["xdp", "tc"]);
    let remedy = ["ethtool -K eth0 gro on"];
    let report = doctor(&host, &["v2"]);
    expect(
        &report,
        "gro",
        "note",
        &["off at eth0", "redirected"],
        &remedy,
    );
    let report = doctor(&host, &["br0"]);
    expect(&report, "xdp_flood", "warning", &["v2"], &["gro on"]);
    set(&containers[1], ethtool::set_gro, true);
    expect(&doctor(&host, &["v2"]), "gro", "ok", &["on at eth0"], &[]);
    // At the XDP port itself, nothing that was redirected arrives.
    set(&containers[0], ethtool::set_gro, false);
    let report = doctor(&host, &["v1"]);
    let again = [remedy[0], "netbridge port del br0 v1"];
    expect(&report, "gro", "problem", &["off at eth0"], &again);
}

#[test]
fn a_foreign_xdp_program_is_named() {
    require_root!();
    let Scene {
        host,
        containers: _containers,
    } = scene();
    expect(&doctor(&host, &["v1"]), "xdp_program", "ok", &["none"], &[]);
    // Private to another process, as anybody's program is.
    let other = host.spawn(&["run", "--json", "--hook", "xdp", "--port", "v1"]);
    other.line(Duration::from_secs(10), |line| line.contains("v1"));
    let report = doctor(&host, &["v1"]);
    expect(
        &report,
        "xdp_program",
        "warning",
        &["xdp_ingress", "id ", "native", "--hook xdp"],
        &["ip link set dev v1 xdp off"],
    );
    expect(&report, "tc_program", "warning", &["tc_ingress"], &[]);
    other.signal(Signal::SIGINT);
    assert_eq!(other.finish(Duration::from_secs(10)).code, 0);
    expect(&doctor(&host, &["v1"]), "xdp_program", "ok", &["none"], &[]);
}

#[test]
fn another_mtu_at_the_other_end_is_a_warning() {
    require_root!();
    let Scene { host, containers } = bridged(["tc", "xdp"]);
    for (port, container) in ["v1", "v2"].into_iter().zip(&containers) {
        expect(&doctor(&host, &[port]), "peer_mtu", "ok", &["1500"], &[]);
        let inside = Links::within(container).expect("look into the container");
        let eth0 = inside.by_name("eth0").expect("find eth0").ifindex;
        inside.set_mtu(eth0, 1400).expect("set the MTU");
        let here = format!("ip link set {port} mtu 1400");
        expect(
            &doctor(&host, &[port]),
            "peer_mtu",
            "warning",
            &["1400", "1500", "eth0"],
            &["ip link set eth0 mtu 1500", &here],
        );
    }
}

#[test]
fn a_port_without_carrier_or_whose_interface_is_gone_is_a_problem() {
    require_root!();
    let Scene { host, containers } = bridged(["tc", "xdp"]);
    let [one, two] = containers;
    let inside = Links::within(&one).expect("look into the container");
    let eth0 = inside.by_name("eth0").expect("find eth0").ifindex;
    inside.set_up(eth0, false).expect("set it down");
    let report = doctor(&host, &["v1"]);
    let remedy = ["ip link set eth0 up"];
    expect(&report, "carrier", "problem", &["without carrier"], &remedy);
    // Deleting the far end by hand is at once; the end of a namespace would be some time later.
    let links = Links::within(&two).expect("look into the container");
    let eth0 = links.by_name("eth0").expect("find eth0").ifindex;
    links.delete(eth0).expect("delete the veth pair");
    let report = doctor(&host, &["br0"]);
    let findings = report["findings"].as_array().expect("findings");
    let gone = findings
        .iter()
        .find(|finding| finding["subject"] == "port v2");
    let gone = gone.expect("the port that is gone");
    assert_eq!(gone["status"], "problem", "{gone}");
    let text = gone["found"].as_str().expect("a text");
    assert!(text.contains("gone"), "{gone}");
}

#[test]
fn an_unknown_target_is_one_line_that_names_both_possibilities() {
    require_root!();
    let host = Host::new();
    let before = Snapshot::of(&host);
    for args in [&["doctor", "nope"][..], &["doctor", "nope", "--json"]] {
        let output = host.cli(args);
        assert_eq!(output.code, 2, "{output:#?}");
        assert_eq!(output.stdout, "");
        assert_eq!(output.stderr.lines().count(), 1, "{output:#?}");
        for word in ["nope", "interface", "bridge", "ip link", "bridge show"] {
            assert!(output.stderr.contains(word), "`{word}` in {output:#?}");
        }
    }
    assert_eq!(Snapshot::of(&host), before);
}
