//! Frames for a station itself enter its namespace directly; those for what is behind it do not,
//! because a stack that gets them so would believe that they are its own.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use netbridge::{
    bridge::HookChoice,
    net::{BridgeOptions, Links, Netns, VethSpec},
};
use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    require_root,
    topology::{HOOKS, Lab, disable_ipv6},
    traffic::{checksum_errors, ping, tcp},
    wire::{SILENCE, SOON, Wire, frame},
};

const NESTED_MAC: MacAddr = MacAddr([0x02, 0x42, 0xac, 0x11, 9, 9]);

fn is_for(mac: MacAddr) -> impl Fn(&[u8]) -> bool {
    move |frame| frame[..6] == mac.0
}

#[test]
fn a_stations_own_frames_skip_the_ports_interface() {
    require_root!();
    let lab = Lab::new(&[HookChoice::Tc; 2]);
    let two = lab.container(2);
    assert!(ping(&lab.container(1).netns, two.ip, 1).all_answered());
    let port = Wire::watch(lab.host(), &two.port);
    assert!(ping(&lab.container(1).netns, two.ip, 3).all_answered());
    port.expect_no(is_for(two.mac), SILENCE);
    // What is for somebody behind the station takes the port's interface.
    lab.wires()[1].send(&frame(MacAddr::BROADCAST, NESTED_MAC, "I am behind"));
    let behind = frame(NESTED_MAC, lab.container(1).mac, "to whom is behind");
    lab.wires()[0].send(&behind);
    port.expect(|frame| frame == behind, SOON);
}

#[test]
fn stations_behind_a_bridge_in_a_container_are_reached() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("on {hook:?}"));
        let lab = Lab::new(&[HookChoice::Tc, hook]);
        let nested = nest(&lab.container(2).netns);
        let ip = "172.17.9.9".parse().expect("an address");
        let one = lab.container(1);
        let pings = ping(&one.netns, ip, 5);
        assert!(pings.all_answered() && pings.ttl == 64, "{pings:?}");
        assert!(ping(&nested, one.ip, 5).all_answered());
        tcp(&nested, &one.netns, one.ip, 1_000_000);
        tcp(&one.netns, &nested, ip, 1_000_000);
        assert_eq!(checksum_errors(&one.netns) + checksum_errors(&nested), 0);
        let entry = lab.entry(NESTED_MAC).expect("is learned");
        assert_eq!(entry.port, lab.port_id(2));
        lab.assert_accounts();
        lab.assert_no_drops();
    }
}

/// Makes `eth0` of a container the port of a kernel bridge with a station behind it.
fn nest(container: &Netns) -> Netns {
    let nested = Netns::anonymous().expect("make a namespace");
    disable_ipv6(&nested);
    let links = Links::within(container).expect("open the container's interfaces");
    let options = BridgeOptions {
        forward_delay: Some(std::time::Duration::ZERO),
        mcast_snooping: Some(false),
        ..BridgeOptions::default()
    };
    let bridge = links
        .add_bridge("inner", &options)
        .expect("add a bridge")
        .ifindex;
    let spec = VethSpec {
        name: "n1",
        peer_name: "eth0",
        peer_netns: Some(&nested),
        peer_mac: Some(NESTED_MAC.0),
        ..VethSpec::default()
    };
    let n1 = links.add_veth(&spec).expect("add a veth pair").ifindex;
    let eth0 = links.by_name("eth0").expect("find eth0").ifindex;
    for port in [n1, eth0] {
        links
            .set_master(port, Some(bridge))
            .expect("make it a port");
        links.set_up(port, true).expect("set it up");
    }
    links.set_up(bridge, true).expect("set the bridge up");
    let far = Links::within(&nested).expect("open the nested interfaces");
    let eth0 = far.by_name("eth0").expect("find eth0").ifindex;
    far.set_up(eth0, true).expect("set it up");
    far.add_address(eth0, "172.17.9.9/16".parse().expect("a prefix"))
        .expect("add the address");
    nested
}
