//! The test `docker`.

use std::{
    thread,
    time::{Duration, Instant},
};

use netbridge_tests::{engine::Trace, require_engine, snapshot::Snapshot, topology::Host};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::PATIENCE;

/// All that the test `docker` measures on a datapath in a quick session, and in which unit.
const OF_DOCKER: [(&str, &str); 13] = [
    ("docker_tcp_stream", "Gb/s"),
    ("docker_tcp_stream_cpu", "CPU s/GB"),
    ("docker_udp_small", "Mpps"),
    ("docker_udp_small_cpu", "CPU s/M frames"),
    ("docker_tcp_rr_p50", "µs"),
    ("docker_tcp_rr_p99", "µs"),
    ("docker_tcp_rr_p99.9", "µs"),
    ("docker_tcp_rr_one_cpu_p50", "µs"),
    ("docker_tcp_rr_one_cpu_p99", "µs"),
    ("docker_tcp_rr_one_cpu_p99.9", "µs"),
    ("docker_connects", "connects/s"),
    ("docker_start_1", "ms"),
    ("docker_start_10", "ms"),
];

#[test]
fn docker_is_measured_on_its_own_bridges_and_on_netbridge() {
    require_engine!();
    let host = Host::new();
    let before = Snapshot::of(&host);
    let bench = host.spawn(&["bench", "docker", "--quick", "--runs", "1", "--json"]);
    let pid = bench.pid();
    let output = bench.finish(2 * PATIENCE);
    assert_eq!(output.code, 0, "{output:#?}");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let results = report["results"].as_array().expect("results");
    for datapath in ["docker-bridge", "docker-user-bridge", "docker-netbridge"] {
        let own = results.iter().filter(|one| one["datapath"] == datapath);
        let own: Vec<&Value> = own.collect();
        let figures: Vec<_> = own
            .iter()
            .map(|one| (one["test"].as_str().expect("a name"), one["unit"].as_str()))
            .collect();
        let wanted = OF_DOCKER.map(|(name, unit)| (name, Some(unit)));
        assert_eq!(figures, wanted, "{datapath}: {report}");
        for one in own {
            assert!(one["median"].as_f64() > Some(0.0), "{one}");
            let ratio = one["vs_linux_bridge"].as_f64().expect("a ratio");
            let same = (ratio - 1.0).abs() < 1e-9;
            assert!(
                ratio > 0.0 && (same || datapath != "docker-bridge"),
                "{one}"
            );
            assert_eq!(one["limit"], Value::Null, "{one}");
        }
    }
    // An engine for each.
    for engine in 0..3 {
        let trace = Trace::of(format!("netbridge-bench-{pid}-{engine}"));
        assert_eq!(trace.left(), Vec::<String>::new());
    }
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn an_engine_ends_with_a_killed_bench() {
    require_engine!();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let host = Host::new();
        let before = Snapshot::of(&host);
        let bench = host.spawn(&["bench", "docker", "--datapath", "docker-netbridge"]);
        let trace = Trace::of(format!("netbridge-bench-{}-0", bench.pid()));
        // Once a container runs, there is all that could be left.
        let runs = |left: Vec<String>| left.iter().any(|line| line.ends_with(" busybox"));
        wait_until("a container runs", || runs(trace.left()));
        bench.signal(signal);
        bench.finish(Duration::from_secs(10));
        wait_until("nothing is left", || trace.left().is_empty());
        assert_eq!(Snapshot::of(&host), before, "{signal}");
    }
}

/// Looks again and again until something is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::park_timeout(Duration::from_millis(20));
    }
}
