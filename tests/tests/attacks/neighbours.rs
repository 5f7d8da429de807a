//! Lies about who has which address: ARP, neighbour discovery, IP sources.

use std::net::Ipv6Addr;

use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, PacketBuilder};
use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::{Frame, VLAN},
    require_root,
};

use super::{FRIEND, FRIEND_IP, MALLORY, MALLORY_IP, Scene, VICTIM, VICTIM_IP, on_both_hooks};

/// IPv6 addresses of mallory and the victim.
const MALLORY_IP6: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 11);
const VICTIM_IP6: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 12);
const FRIEND_IP6: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 13);

fn arp(dst: MacAddr, operation: ArpOperation, (mac, ip): (MacAddr, [u8; 4])) -> Vec<u8> {
    let arp = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &mac.0,
        &ip,
        &FRIEND.0,
        &FRIEND_IP,
    );
    let arp = arp.expect("addresses of the right length");
    let builder = PacketBuilder::ethernet2(MALLORY.0, dst.0).arp(arp);
    let mut frame = Vec::new();
    builder.write(&mut frame).expect("write an ARP frame");
    frame.resize(60, 0);
    frame
}

fn udp(source: [u8; 4]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MALLORY.0, FRIEND.0)
        .ipv4(source, FRIEND_IP, 64)
        .udp(4000, 5000);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, b"a datagram of some length")
        .expect("write a datagram");
    frame
}

/// A neighbour advertisement that says who has `target`, from `source`.
fn advertisement(source: Ipv6Addr, target: Ipv6Addr, station: MacAddr) -> Vec<u8> {
    let flags = [0x20, 0, 0, 0];
    let builder = PacketBuilder::ethernet2(MALLORY.0, FRIEND.0)
        .ipv6(source.octets(), FRIEND_IP6.octets(), 255)
        .icmpv6_raw(136, 0, flags);
    let mut payload = target.octets().to_vec();
    payload.extend([2, 1]);
    payload.extend(station.0);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, &payload)
        .expect("write an advertisement");
    frame
}

/// The frame with a tag behind its addresses.
fn tagged(frame: &[u8], tci: u16) -> Vec<u8> {
    let mut tag = VLAN.to_be_bytes().to_vec();
    tag.extend(tci.to_be_bytes());
    [&frame[..12], &tag, &frame[12..]].concat()
}

/// Mallory may speak for its own addresses, and no others.
fn bind(scene: &Scene) {
    let [a, b, c, d] = MALLORY_IP;
    scene.operator(&format!(
        "binding add br0 v1 --mac {MALLORY} --ip {a}.{b}.{c}.{d} --ip {MALLORY_IP6}"
    ));
}

#[test]
fn arp_is_poisoned_from_a_port_that_nothing_protects_and_not_from_a_bound_one() {
    require_root!();
    on_both_hooks(|scene| {
        let lies = [
            // A reply to whom it concerns, and to everybody.
            arp(FRIEND, ArpOperation::REPLY, (MALLORY, VICTIM_IP)),
            arp(
                MacAddr::BROADCAST,
                ArpOperation::REPLY,
                (MALLORY, VICTIM_IP),
            ),
            // A request teaches as well.
            arp(
                MacAddr::BROADCAST,
                ArpOperation::REQUEST,
                (MALLORY, VICTIM_IP),
            ),
            // Its own address at another station.
            arp(FRIEND, ArpOperation::REPLY, (VICTIM, MALLORY_IP)),
        ];
        for lie in &lies {
            scene.wires[0].send(lie);
            scene.wires[2].expect_frame(lie);
        }
        scene.drain(1);
        bind(scene);
        for lie in &lies {
            scene.comes(0, lie, &[]);
            scene.comes(0, &tagged(lie, 7), &[]);
            scene.comes(0, &tagged(&tagged(lie, 7), 8), &[]);
        }
        assert_eq!(scene.caught("spoofed_arp"), 12);
        let truth = arp(FRIEND, ArpOperation::REPLY, (MALLORY, MALLORY_IP));
        scene.comes(0, &truth, &[2]);
        scene.victim_is_well();
    });
}

#[test]
fn packets_from_anothers_address_are_caught_on_the_cached_path_too() {
    require_root!();
    on_both_hooks(|scene| {
        scene.comes(0, &udp(VICTIM_IP), &[2]);
        bind(scene);
        for _ in 0..4 {
            scene.comes(0, &udp(MALLORY_IP), &[2]);
        }
        for n in 1..=4 {
            scene.comes(0, &udp(VICTIM_IP), &[]);
            assert_eq!(scene.caught("spoofed_ip"), n);
        }
        scene.comes(0, &tagged(&udp(VICTIM_IP), 7), &[]);
        assert_eq!(scene.caught("spoofed_ip"), 5);
        scene.comes(0, &udp(MALLORY_IP), &[2]);
        scene.victim_is_well();
    });
}

#[test]
fn neighbour_advertisements_for_anothers_address_are_caught() {
    require_root!();
    on_both_hooks(|scene| {
        let lie = advertisement(MALLORY_IP6, VICTIM_IP6, MALLORY);
        let option = advertisement(MALLORY_IP6, MALLORY_IP6, VICTIM);
        let source = advertisement(VICTIM_IP6, VICTIM_IP6, MALLORY);
        for frame in [&lie, &option, &source] {
            scene.comes(0, frame, &[2]);
        }
        bind(scene);
        for frame in [&lie, &option, &source] {
            scene.comes(0, frame, &[]);
        }
        assert_eq!(scene.caught("spoofed_arp"), 2);
        assert_eq!(scene.caught("spoofed_ip"), 1);
        scene.comes(0, &advertisement(MALLORY_IP6, MALLORY_IP6, MALLORY), &[2]);
        scene.comes(0, &Frame::new(FRIEND, MALLORY).of_len(60), &[2]);
    });
}
