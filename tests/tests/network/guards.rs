//! Containers use no address but their own, unless they are let.

use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::Frame,
    require_root,
    wire::{SILENCE as QUIET, Wire},
};
use serde_json::Value;

use super::bed::Bed;

const C1: MacAddr = MacAddr([0x02, 0x42, 10, 8, 0, 2]);
const C2: MacAddr = MacAddr([0x02, 0x42, 10, 8, 0, 3]);
const STRANGER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x66]);

/// ARP of somebody who says that `ip` is at `mac`.
fn arp(src: MacAddr, mac: MacAddr, ip: [u8; 4]) -> Vec<u8> {
    let mut frame = Frame::new(MacAddr::BROADCAST, src).arp_request();
    frame[22..28].copy_from_slice(&mac.0);
    frame[28..32].copy_from_slice(&ip);
    frame[38..42].copy_from_slice(&[10, 8, 0, 77]);
    frame
}

/// A datagram from `src` at `ip` to c2.
fn datagram(src: MacAddr, ip: [u8; 4]) -> Vec<u8> {
    let mut frame = Frame::new(C2, src).udp(b"hello");
    frame[26..30].copy_from_slice(&ip);
    frame[30..34].copy_from_slice(&[10, 8, 0, 3]);
    frame
}

/// What c1 must not send, and the reason for which it is dropped.
fn spoofed() -> [(&'static str, Vec<u8>); 4] {
    [
        ("spoofed_mac", Frame::new(C2, STRANGER).of_len(60)),
        ("spoofed_ip", datagram(C1, [10, 8, 0, 9])),
        ("spoofed_arp", arp(C1, C1, [10, 8, 0, 1])),
        ("spoofed_arp", arp(C1, STRANGER, [10, 8, 0, 2])),
    ]
}

fn total(stats: &Value, reason: &str) -> u64 {
    stats["dropped"]["reasons"][reason]
        .as_u64()
        .expect("a number")
}

/// A network with antispoofing or without, its containers c1 and c2, and their wires.
fn pair(bed: &Bed, options: &[&str], own: &[&str]) -> [Wire; 2] {
    let create = ["network", "create", "web", "--subnet", "10.8.0.0/24"];
    let name = ["-o", "com.docker.network.bridge.name=web0"];
    bed.ok(&[&create[..], &name, options].concat());
    [("c1", own), ("c2", &[])].map(|(name, own)| {
        let netns = bed.join("web", name, own);
        Wire::open(&netns, "eth0")
    })
}

#[test]
fn a_container_cannot_pass_for_another() {
    require_root!();
    let bed = Bed::new();
    let [one, two] = pair(&bed, &[], &[]);
    for (reason, frame) in spoofed() {
        let before = total(&bed.stats("web0", "c1"), reason);
        one.send(&frame);
        two.expect_no(|received| received == frame, QUIET);
        let after = total(&bed.stats("web0", "c1"), reason);
        assert_eq!(after, before + 1, "{reason}");
    }
    // What is its own passes.
    for frame in [datagram(C1, [10, 8, 0, 2]), arp(C1, C1, [10, 8, 0, 2])] {
        one.send(&frame);
        two.expect_frame(&frame);
    }
    drop((one, two));
    bed.end();
}

#[test]
fn antispoofing_can_be_switched_off_for_a_network_and_for_one_container() {
    require_root!();
    let off = "netbridge.antispoof=false";
    for (network, own) in [(&["-o", off][..], &[][..]), (&[], &["--driver-opt", off])] {
        let bed = Bed::new();
        let [one, two] = pair(&bed, network, own);
        for (reason, frame) in spoofed() {
            one.send(&frame);
            two.expect_frame(&frame);
            assert_eq!(total(&bed.stats("web0", "c1"), reason), 0);
        }
        if network.is_empty() {
            // The other one is still held to its own.
            two.send(&Frame::new(C1, STRANGER).of_len(60));
            one.expect_no(|received| received[6..12] == STRANGER.0, QUIET);
            assert_eq!(total(&bed.stats("web0", "c2"), "spoofed_mac"), 1);
        }
        drop((one, two));
        bed.end();
    }
}
