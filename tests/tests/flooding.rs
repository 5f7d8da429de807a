//! Frames for nobody in particular, row 10 of the conformance list: to all other ports, once each.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use netbridge::bridge::PortChange;
use netbridge_common::{MacAddr, PortState};
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    traffic::ping,
    wire::{Wire, expect_delivery, frame, typed_frame},
};

const SOMEBODY: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x77]);
const NOBODY: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x78]);
const MULTICAST: MacAddr = MacAddr([0x01, 0x00, 0x5e, 0x01, 0x02, 0x03]);

/// Sends `frame` on the first wire and asserts that each other one has it once.
fn assert_flooded(wires: &[Wire], frame: &[u8]) {
    wires[0].send(frame);
    let others: Vec<&Wire> = wires[1..].iter().collect();
    expect_delivery(frame, &others, &[&wires[0]]);
}

#[test]
fn unknown_unicast_multicast_and_broadcast_reach_every_other_port_once() {
    require_root!();
    for hooks in hook_mixes(4) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        let wires = lab.wires();
        for dst in [NOBODY, MULTICAST, MacAddr::BROADCAST] {
            assert_flooded(&wires, &frame(dst, SOMEBODY, "flood"));
        }
        let sender = lab.stats(1);
        assert_eq!((sender.flooded, sender.forwarded), (3, 0), "{sender:#?}");
        for n in 2..=4 {
            let port = lab.stats(n);
            assert_eq!((port.tx.frames, port.tx.bytes), (3, 180), "{port:#?}");
            assert_eq!(port.wasted, 1, "the unknown unicast alone: {port:#?}");
        }
        lab.assert_accounts();
        lab.assert_no_drops();
    }
}

#[test]
fn floods_of_every_size_reach_every_other_port_once() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::builder(&hooks).mtu(9000).build();
        let wires = lab.wires();
        // Around the largest frame that XDP can copy, and far from it.
        for octets in [46, 1500, 3400, 3486, 3487, 3600, 4096, 9000] {
            let payload = vec![0x5a; octets];
            let flood = typed_frame(MacAddr::BROADCAST, SOMEBODY, 0x88b5, &payload);
            assert_flooded(&wires, &flood);
        }
        assert_eq!(lab.stats(1).flooded, 8);
        assert_eq!(lab.stats(2).tx.frames, 8);
        lab.assert_accounts();
        lab.assert_no_drops();
    }
}

#[test]
fn a_bridge_with_one_port_floods_to_nobody() {
    require_root!();
    for hooks in hook_mixes(1) {
        let lab = Lab::new(&hooks);
        let wires = lab.wires();
        wires[0].send(&frame(MacAddr::BROADCAST, SOMEBODY, "alone"));
        wires[0].expect_silence(netbridge_tests::wire::SILENCE);
        let port = lab.stats(1);
        assert_eq!((port.flooded, port.tx.frames), (1, 0), "{port:#?}");
        lab.assert_accounts();
    }
}

#[test]
fn floods_pass_by_a_port_that_is_disabled_and_none_come_from_it() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        let wires = lab.wires();
        set_state(&lab, 2, PortState::Disabled);
        let flood = frame(MacAddr::BROADCAST, SOMEBODY, "one");
        wires[0].send(&flood);
        expect_delivery(&flood, &[&wires[2]], &[&wires[0], &wires[1]]);
        let closed = frame(MacAddr::BROADCAST, NOBODY, "from a disabled port");
        wires[1].send(&closed);
        expect_delivery(&closed, &[], &[&wires[0], &wires[2]]);
        assert_eq!(lab.drops(2, "port_disabled"), 1);
        assert!(lab.entry(NOBODY).is_none(), "learned on a disabled port");

        set_state(&lab, 2, PortState::Forwarding);
        assert_flooded(&wires, &frame(MacAddr::BROADCAST, SOMEBODY, "two"));
        lab.assert_accounts();
    }
}

fn set_state(lab: &Lab, n: usize, state: PortState) {
    let change = PortChange {
        state: Some(state),
        ..PortChange::default()
    };
    let ifname = &lab.container(n).port;
    lab.bridge(|bridge| {
        bridge
            .change_port(ifname, &change)
            .expect("change the port");
    });
}

#[test]
fn an_interface_that_is_down_takes_nothing_and_harms_nobody() {
    require_root!();
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        let wires = lab.wires();
        let links = netbridge::net::Links::within(lab.host()).expect("open the interfaces");
        let port = links.by_name(&lab.container(2).port).expect("find it");
        links.set_up(port.ifindex, false).expect("set it down");
        let flood = frame(MacAddr::BROADCAST, SOMEBODY, "one is down");
        wires[0].send(&flood);
        expect_delivery(&flood, &[&wires[2]], &[&wires[0], &wires[1]]);
        links.set_up(port.ifindex, true).expect("set it up");
        assert_flooded(&wires, &frame(MacAddr::BROADCAST, SOMEBODY, "up again"));
    }
}

#[test]
fn bridges_side_by_side_do_not_mix() {
    require_root!();
    for hooks in hook_mixes(2) {
        note(format_args!("on {hooks:?}"));
        let first = Lab::new(&hooks);
        let second = Lab::builder(&hooks).beside(&first, "br1", "w").build();
        // Containers of the same number have the same addresses on both.
        assert_eq!(first.container(1).mac, second.container(1).mac);
        let (ours, theirs) = (first.wires(), second.wires());
        for dst in [MacAddr::BROADCAST, NOBODY] {
            let flood = frame(dst, first.container(1).mac, "first");
            ours[0].send(&flood);
            expect_delivery(&flood, &[&ours[1]], &[&theirs[0], &theirs[1]]);
        }
        for lab in [&first, &second] {
            let pings = ping(&lab.container(1).netns, lab.container(2).ip, 3);
            assert!(pings.all_answered(), "{pings:?}");
        }
        assert_eq!(second.stats(1).flooded, 1, "its own ARP alone");
        for lab in [&first, &second] {
            lab.assert_accounts();
            lab.assert_no_drops();
        }
    }
}
