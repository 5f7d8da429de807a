//! The walkthrough, rows 8 and 9: repeater, hub, bridge, and what a bridge blocks.

use netbridge::net::Netns;
use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::{Frame, station},
    require_root,
    traffic::{ping, ping_with},
    wire::{SILENCE as QUIET, Wire, expect_delivery},
};
use serde_json::Value;

use super::{
    bed::{Bed, ip},
    talk::SILENCE,
};

/// Three containers on a network of these options.
fn three(bed: &Bed, options: &[&str]) -> [Netns; 3] {
    let subnet = ["network", "create", "web", "--subnet", "10.8.0.0/24"];
    let name = ["-o", "com.docker.network.bridge.name=web0"];
    bed.ok(&[&subnet[..], &name, options].concat());
    ["c1", "c2", "c3"].map(|name| bed.join("web", name, &[]))
}

/// Ethernet address of container `n`.
fn mac(n: u8) -> MacAddr {
    MacAddr([0x02, 0x42, 10, 8, 0, n + 1])
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn row_8_a_hub_lets_everybody_hear_and_a_bridge_only_whom_it_is_for() {
    require_root!();
    for (mode, everybody) in [("hub", true), ("bridge", false)] {
        let bed = Bed::new();
        let containers = three(&bed, &["-o", &format!("netbridge.mode={mode}")]);
        let wires = containers
            .iter()
            .map(|netns| Wire::open(netns, "eth0"))
            .collect::<Vec<_>>();
        let sent = Frame::new(mac(2), mac(1)).of_len(100);
        wires[0].send(&sent);
        if everybody {
            expect_delivery(&sent, &[&wires[1], &wires[2]], &[&wires[0]]);
        } else {
            expect_delivery(&sent, &[&wires[1]], &[&wires[0], &wires[2]]);
        }
        let pings = ping(&containers[0], ip("10.8.0.3"), 5);
        assert!(pings.all_answered(), "{mode}: {pings:?}");
        let wasted = number(&bed.stats("web0", "c3")["wasted"]);
        assert_eq!(wasted >= 10, everybody, "{mode}: {wasted} frames wasted");
        drop(wires);
        bed.end();
    }
}

#[test]
fn row_9_a_frame_for_the_senders_own_side_goes_nowhere() {
    require_root!();
    let bed = Bed::new();
    let containers = three(&bed, &["-o", "netbridge.antispoof=false"]);
    let wires = containers
        .iter()
        .map(|netns| Wire::open(netns, "eth0"))
        .collect::<Vec<_>>();
    // Another station behind c1, which the bridge learns of.
    let hello = Frame::new(MacAddr::BROADCAST, station(7)).of_len(60);
    wires[0].send(&hello);
    expect_delivery(&hello, &[&wires[1], &wires[2]], &[&wires[0]]);
    let before = number(&bed.stats("web0", "c1")["dropped"]["reasons"]["same_port"]);
    let sent = Frame::new(station(7), mac(1)).of_len(60);
    wires[0].send(&sent);
    expect_delivery(&sent, &[], &[&wires[0], &wires[1], &wires[2]]);
    let after = number(&bed.stats("web0", "c1")["dropped"]["reasons"]["same_port"]);
    assert_eq!(after, before + 1);
    drop(wires);
    bed.end();
}

#[test]
fn row_9_segments_by_isolation_do_not_leak() {
    require_root!();
    let bed = Bed::new();
    let isolated = ["-o", "com.docker.network.bridge.enable_icc=false"];
    let containers = three(&bed, &isolated);
    let wires = containers
        .iter()
        .map(|netns| Wire::open(netns, "eth0"))
        .collect::<Vec<_>>();
    for dst in [mac(2), MacAddr::BROADCAST, station(99)] {
        let sent = Frame::new(dst, mac(1)).of_len(60);
        wires[0].send(&sent);
        for wire in &wires {
            wire.expect_no(|received| received == sent, QUIET);
        }
    }
    let isolated = number(&bed.stats("web0", "c1")["dropped"]["reasons"]["isolated"]);
    assert!(isolated > 0, "the frame for c2 is counted");
    drop(wires);
    bed.end();
}

#[test]
fn row_9_segments_by_vlan_do_not_leak_and_a_trunk_port_carries_their_tag() {
    require_root!();
    let bed = Bed::new();
    let containers = three(&bed, &["-o", "netbridge.vlan=10"]);
    let odd = bed.host.container("odd", None, Some("10.8.0.9/24"));
    let trunk = bed.host.container("trunk", None, None);
    for port in ["odd", "trunk"] {
        bed.ok(&["port", "add", "web0", port]);
    }
    // One port is in another VLAN, one carries VLAN 10 with its tag.
    bed.ok(&["vlan", "add", "web0", "odd", "20", "--pvid", "--untagged"]);
    bed.ok(&["vlan", "add", "web0", "trunk", "10"]);
    assert!(ping(&containers[0], ip("10.8.0.3"), 2).all_answered());
    assert!(
        ping(&containers[0], ip("10.8.0.1"), 2).all_answered(),
        "the host is in it"
    );
    let lost = ping_with(&containers[0], ip("10.8.0.9"), 2, 56, SILENCE);
    assert_eq!(lost.received, 0, "{lost:?}");
    let [one, tagged] = [(&containers[0], "eth0"), (&trunk, "eth0")].map(|(n, i)| Wire::open(n, i));
    let hello = Frame::new(MacAddr::BROADCAST, mac(1));
    one.send(&hello.of_len(60));
    tagged.expect_frame(&hello.clone().tag(0x8100, 10).of_len(64));
    let answer = Frame::new(mac(1), station(5));
    tagged.send(&answer.clone().tag(0x8100, 10).of_len(64));
    one.expect_frame(&answer.of_len(60));
    // What has another tag, or none, is of another segment.
    for stray in [answer.clone().tag(0x8100, 20).of_len(64), answer.of_len(60)] {
        tagged.send(&stray);
        one.expect_no(|received| received[..12] == stray[..12], QUIET);
    }
    bed.ok(&["port", "del", "web0", "odd"]);
    bed.ok(&["port", "del", "web0", "trunk"]);
    bed.shell("ip link del odd; ip link del trunk");
    drop((one, tagged, odd, trunk));
    bed.end();
}
