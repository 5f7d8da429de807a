//! Nothing that forwards a frame is in a process: kill -9 everything, and traffic goes on.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::time::{Duration, Instant};

use netbridge::net::Netns;
use netbridge_tests::{
    require_root,
    topology::Host,
    traffic::{ping, tcp},
};
use nix::sys::signal::Signal;

/// A host with bridge br0 and two containers, 10.9.0.2 and 10.9.0.3, on the hook named.
fn scene(hook: &str, ageing: &str) -> (Host, [Netns; 2]) {
    let host = Host::new();
    host.ok(&["bridge", "add", "br0", "--ageing-time", ageing]);
    let containers = [2, 3].map(|n| {
        let name = format!("v{n}");
        let netns = host.container(&name, None, Some(&format!("10.9.0.{n}/24")));
        host.ok(&["port", "add", "br0", &name, "--hook", hook]);
        netns
    });
    (host, containers)
}

fn entries(host: &Host) -> usize {
    let json = host.ok(&["fdb", "show", "br0", "--json"]);
    let entries: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    entries.as_array().expect("an array").len()
}

/// Waits until `done`, at most ten seconds.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come to pass");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn a_dead_userspace_changes_nothing_and_entries_still_age() {
    require_root!();
    for hook in ["tc", "xdp"] {
        let (host, [two, three]) = scene(hook, "2");
        let serve = host.spawn(&["serve"]);
        assert!(ping(&two, "10.9.0.3".parse().unwrap(), 3).all_answered());
        serve.signal(Signal::SIGKILL);
        assert_eq!(serve.finish(Duration::from_secs(5)).code, -1);
        // No process of ours is left; everything goes on.
        assert!(
            ping(&two, "10.9.0.3".parse().unwrap(), 20).all_answered(),
            "{hook}"
        );
        tcp(&three, &two, "10.9.0.2".parse().unwrap(), 1 << 20);
        assert_eq!(entries(&host), 2, "{hook}: both stations are known");
        eventually("ageing without a process", || entries(&host) == 0);
        // The datapath sees it too: a frame for a forgotten station is flooded.
        let flooded = |host: &Host| {
            let json = host.ok(&["stats", "br0", "--json"]);
            let stats: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            stats["ports"][0]["flooded"].as_u64().expect("a number")
        };
        let before = flooded(&host);
        assert!(ping(&two, "10.9.0.3".parse().unwrap(), 1).all_answered());
        assert!(flooded(&host) > before, "{hook}: an aged entry was used");
        assert_eq!(entries(&host), 2, "{hook}: learned again");
    }
}

#[test]
fn a_killed_run_leaves_nothing_behind() {
    require_root!();
    let (host, [two, _three]) = scene("tc", "300");
    host.ok(&["bridge", "del", "br0"]);
    let before = netbridge_tests::snapshot::Snapshot::of(&host);
    let run = host.spawn(&["run", "--port", "v2", "v3", "--json"]);
    run.line(Duration::from_secs(10), |line| {
        line.contains("\"bridge\":\"br0\"")
    });
    assert!(ping(&two, "10.9.0.3".parse().unwrap(), 3).all_answered());
    run.signal(Signal::SIGKILL);
    run.finish(Duration::from_secs(5));
    assert_eq!(netbridge_tests::snapshot::Snapshot::of(&host), before);
    // The kernel takes the programs away with the process: nothing forwards any more.
    eventually("detaching", || {
        !ping(&two, "10.9.0.3".parse().unwrap(), 1).all_answered()
    });
}

#[test]
fn an_interrupted_run_reports_once_more_and_puts_everything_back() {
    require_root!();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (host, [two, _three]) = scene("tc", "300");
        host.ok(&["bridge", "del", "br0"]);
        let before = netbridge_tests::snapshot::Snapshot::of(&host);
        let run = host.spawn(&[
            "run", "--port", "v2", "--port", "v3", "--hook", "xdp", "--json",
        ]);
        run.line(Duration::from_secs(10), |line| {
            line.contains("\"hook\":\"xdp\"")
        });
        assert!(ping(&two, "10.9.0.3".parse().unwrap(), 3).all_answered());
        run.signal(signal);
        let output = run.finish(Duration::from_secs(10));
        assert_eq!(output.code, 0, "{output:#?}");
        let last: serde_json::Value =
            serde_json::from_str(output.stdout.lines().last().expect("a line")).expect("JSON");
        assert!(last["ports"][0]["forwarded"].as_u64() >= Some(3), "{last}");
        assert_eq!(netbridge_tests::snapshot::Snapshot::of(&host), before);
    }
}

#[test]
fn serve_removes_ports_that_are_gone_and_sweeps() {
    require_root!();
    let (host, [two, three]) = scene("tc", "1");
    let serve = host.spawn(&["serve", "--sweep-interval", "1"]);
    assert!(ping(&two, "10.9.0.3".parse().unwrap(), 3).all_answered());
    let learned = |host: &Host| {
        let json = host.ok(&["bridge", "show", "br0", "--json"]);
        let bridges: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        bridges[0]["learned"].as_u64().expect("a number")
    };
    eventually("the sweep", || learned(&host) == 0);
    // The container ends, and its veth with it.
    drop(three);
    let ports = |host: &Host| {
        let json = host.ok(&["port", "show", "br0", "--json"]);
        let ports: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        ports.as_array().expect("an array").len()
    };
    eventually("the port's end", || ports(&host) == 1);
    serve.signal(Signal::SIGTERM);
    assert_eq!(serve.finish(Duration::from_secs(5)).code, 0);
}
