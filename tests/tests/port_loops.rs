//! Ports that would make a loop on the spot, and the bridge's own address before it is known.

use netbridge_tests::{require_root, snapshot::Snapshot, topology::Host};
use serde_json::Value;

#[test]
fn both_ends_of_a_pair_are_not_ports_of_one_bridge() {
    require_root!();
    let host = Host::new();
    host.ok(&["bridge", "add", "br0", "--address", "10.9.0.1/24"]);
    let before = Snapshot::of(&host);
    let output = host.cli(&["port", "add", "br0", "br0"]);
    assert_eq!(output.code, 2, "{output:#?}");
    for word in ["interface br0", "br0-p", "round"] {
        assert!(output.stderr.contains(word), "`{word}` in {output:#?}");
    }
    assert_eq!(output.stderr.lines().count(), 1, "{output:#?}");
    assert_eq!(Snapshot::of(&host), before);
}

#[test]
fn the_hosts_own_frames_take_no_room_that_is_for_stations() {
    require_root!();
    for _ in 0..5 {
        let host = Host::new();
        let limit = ["--learn-limit", "1"];
        let add = ["bridge", "add", "br0", "--address", "10.9.0.1/24"];
        host.ok(&[&add[..], &limit].concat());
        let shown: Value =
            serde_json::from_str(&host.ok(&["bridge", "show", "br0", "--json"])).expect("JSON");
        assert_eq!(shown[0]["learned"], 0, "{shown}");
    }
}
