//! Servers that nobody ordered: routers and DHCP.

use std::net::Ipv6Addr;

use etherparse::PacketBuilder;
use netbridge_common::MacAddr;
use netbridge_tests::{frame::ALL_NODES, require_root};

use super::{MALLORY, MALLORY_IP, VICTIM, on_both_hooks};

const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 11);
const EVERY_NODE: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn icmpv6(kind: u8) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MALLORY.0, ALL_NODES.0)
        .ipv6(LINK_LOCAL.octets(), EVERY_NODE.octets(), 255)
        .icmpv6_raw(kind, 0, [64, 0, 7, 8]);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, &[0; 40])
        .expect("write a message");
    frame
}

/// The message behind a hop-by-hop header, which a filter that looks at the first header alone misses.
fn hidden(frame: &[u8]) -> Vec<u8> {
    const NEXT_HEADER: usize = 14 + 6;
    let (mut head, message) = (frame[..54].to_vec(), &frame[54..]);
    let options = [head[NEXT_HEADER], 0, 1, 4, 0, 0, 0, 0];
    head[NEXT_HEADER] = 0;
    let length = u16::from_be_bytes([head[18], head[19]]) + 8;
    head[18..20].copy_from_slice(&length.to_be_bytes());
    [&head, &options[..], message].concat()
}

fn udp(dst: MacAddr, ports: (u16, u16)) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MALLORY.0, dst.0)
        .ipv4(MALLORY_IP, [255; 4], 64)
        .udp(ports.0, ports.1);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, &[2; 240])
        .expect("write a datagram");
    frame
}

fn udp6(ports: (u16, u16)) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MALLORY.0, ALL_NODES.0)
        .ipv6(LINK_LOCAL.octets(), EVERY_NODE.octets(), 64)
        .udp(ports.0, ports.1);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, &[2; 60])
        .expect("write a datagram");
    frame
}

#[test]
fn router_advertisements_come_from_routers_alone() {
    require_root!();
    on_both_hooks(|scene| {
        let rogue = [icmpv6(134), hidden(&icmpv6(134)), icmpv6(137)];
        for frame in &rogue {
            scene.comes(0, frame, &[1, 2]);
        }
        scene.operator("port set br0 v1 --ra-guard on");
        for frame in &rogue {
            scene.comes(0, frame, &[]);
        }
        assert_eq!(scene.caught("rogue_ra"), 3);
        // A solicitation is anybody's.
        scene.comes(0, &icmpv6(133), &[1, 2]);
        scene.victim_is_well();
    });
}

#[test]
fn addresses_are_given_out_by_dhcp_servers_alone() {
    require_root!();
    on_both_hooks(|scene| {
        let rogue = [
            udp(MacAddr::BROADCAST, (67, 68)),
            udp(VICTIM, (67, 68)),
            udp6((547, 546)),
        ];
        for frame in &rogue {
            scene.wires[0].send(frame);
            scene.wires[1].expect_frame(frame);
        }
        scene.drain(2);
        scene.operator("port set br0 v1 --dhcp-guard on");
        for frame in &rogue {
            scene.comes(0, frame, &[]);
        }
        assert_eq!(scene.caught("rogue_dhcp"), 3);
        // A client is anybody.
        scene.comes(0, &udp(MacAddr::BROADCAST, (68, 67)), &[1, 2]);
        scene.victim_is_well();
    });
}
