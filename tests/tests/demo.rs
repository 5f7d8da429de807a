//! The demo, as someone sees it who types it for the first time.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::time::Duration;

use netbridge_tests::{require_root, snapshot::Snapshot, topology::Host};
use nix::sys::signal::Signal;

#[test]
fn every_hook_and_mode_ends_without_loss_and_with_counters_that_add_up() {
    require_root!();
    let host = Host::new();
    let before = Snapshot::of(&host);
    for hook in ["tc", "xdp", "auto"] {
        for mode in ["bridge", "hub"] {
            let args = [
                "demo",
                "--hook",
                hook,
                "--mode",
                mode,
                "--duration",
                "1",
                "--json",
            ];
            let output = host.ok(&args);
            let last = output.lines().last().expect("a line");
            let report: serde_json::Value = serde_json::from_str(last).expect("JSON");
            check(&report, hook, mode);
        }
    }
    assert_eq!(Snapshot::of(&host), before);
}

fn check(report: &serde_json::Value, hook: &str, mode: &str) {
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    let pings = &report["pings"];
    assert_eq!(pings["sent"], pings["received"], "{hook} {mode}");
    assert!(number(&pings["sent"]) >= 27, "{hook} {mode}: {pings}");
    assert_eq!(pings["ttl"], 64, "{hook} {mode}");
    assert!(number(&report["tcp_bytes"]) > 1 << 20, "{hook} {mode}");
    let ports = report["stats"]["ports"].as_array().expect("ports");
    assert_eq!(ports.len(), 4, "three containers and the host");
    let mut wasted = 0;
    for port in ports {
        let accounted = ["forwarded", "flooded"].map(|field| number(&port[field]));
        let dropped = number(&port["dropped"]["total"]);
        assert_eq!(
            number(&port["rx"]["frames"]),
            accounted.iter().sum::<u64>() + dropped,
            "{hook} {mode}: {port}"
        );
        wasted += number(&port["wasted"]);
        if port["name"] != "host" && hook != "auto" {
            assert_eq!(port["hook"], hook);
        }
        if mode == "hub" {
            assert_eq!(number(&port["forwarded"]), 0);
        }
    }
    // A bridge wastes a frame only before it knows the address; a hub wastes most of them.
    let tcp_frames = number(&report["tcp_bytes"]) / 1500;
    if mode == "hub" {
        assert!(wasted > tcp_frames, "{hook}: a hub wasted {wasted}");
    } else {
        assert!(wasted < 50, "{hook}: a bridge wasted {wasted}");
    }
}

#[test]
fn the_story_shows_addresses_routes_counters_and_the_fdb() {
    require_root!();
    let host = Host::new();
    let story = host.ok(&["demo", "--duration", "1"]);
    for part in [
        "eth0@if",
        "02:42:ac:11:00:02",
        "inet 172.17.0.2/16",
        "default via 172.17.0.1 dev eth0",
        "172.17.0.0/16 dev eth0 scope link src 172.17.0.2",
        "0 % loss, ttl 64",
        "permanent",
        "veth-b3",
        "Gb/s",
    ] {
        assert!(story.contains(part), "`{part}` in {story}");
    }
    assert!(
        !story.contains('\u{1b}'),
        "no control codes where there is no terminal"
    );
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    require_root!();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let host = Host::new();
        let before = Snapshot::of(&host);
        let demo = host.spawn(&["demo", "--duration", "60"]);
        demo.line(Duration::from_secs(20), |line| line.contains("0 % loss"));
        demo.signal(signal);
        demo.finish(Duration::from_secs(10));
        assert_eq!(Snapshot::of(&host), before);
    }
}
