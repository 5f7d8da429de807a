//! The guard of a port: bindings, and rogue routers and DHCP servers.

use std::net::IpAddr;

use netbridge::bridge::HookChoice;
use netbridge_common::{
    Binding, BindingKey, Features, MacAddr, PortFlags, PortId, decide::DropReason,
};
use netbridge_tests::{
    frame::{ARP, BROADCAST, Frame, IPV4, IPV6, SVLAN, VLAN, station},
    program::{Action, Before, Bench, Case, Expect, Hook},
    require_root,
};

use super::{A, B, C, check_with, dropped, nothing_learned, options, to};

/// The address of port 1, from which `Frame` makes datagrams and requests.
const IP: [u8; 4] = [172, 17, 0, 2];
/// Another port's.
const VICTIM: [u8; 4] = [172, 17, 0, 9];
const LINK: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
const VICTIM_LINK: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2];

/// An address bound to a port.
fn bound(key: BindingKey, port: u32, mac: MacAddr) -> Before {
    let (port, native) = (PortId(port), 1);
    Before::Bound(key, Binding { port, mac, native })
}

/// `A` and an address of it are bound to port 1, others to port 3, and port 1 is marked.
fn bindings() -> Vec<Before> {
    let any = MacAddr::default();
    let flags = PortFlags::BOUND_MAC.with(PortFlags::BOUND_IP);
    vec![
        bound(BindingKey::mac(A, 0), 1, any),
        bound(BindingKey::of_ip(IpAddr::from(IP), 0), 1, A),
        bound(BindingKey::mac(C, 0), 3, any),
        bound(BindingKey::of_ip(IpAddr::from(VICTIM), 0), 3, C),
        Before::Switch(1, flags),
    ]
}

/// `frame` to everybody, and to `B` on port 2.
fn cases(before: &[Before], frame: &[u8], about: &'static str) -> [Case; 2] {
    let case = |dst: MacAddr| {
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&dst.0);
        Case {
            before: before.to_vec(),
            frame,
            ..to(dst, about)
        }
    };
    let known = Case {
        before: [before, &[Before::Heard(B, 2)]].concat(),
        expect: Expect::Forward(2),
        after: vec![(A, Some(1)), (B, Some(2))],
        ..case(B)
    };
    [case(BROADCAST), known]
}

/// `frame` passes.
fn passes(before: &[Before], frame: &[u8], about: &'static str) -> Vec<Case> {
    cases(before, frame, about).to_vec()
}

/// `frame` is dropped, on a hub as well; nothing is learned from it, and nobody's entry moves.
fn refused(before: &[Before], frame: &[u8], reason: DropReason, about: &'static str) -> Vec<Case> {
    let src = MacAddr([6, 7, 8, 9, 10, 11].map(|at: usize| frame[at]));
    let mut rows = Vec::new();
    for case in cases(before, frame, about) {
        let case = nothing_learned(dropped(case, reason));
        let with = |more, after| Case {
            before: [case.before.clone(), vec![more]].concat(),
            after: vec![(src, after)],
            ..case.clone()
        };
        rows.push(with(Before::Hub, None));
        rows.push(with(Before::Heard(src, 3), Some(3)));
        rows.push(case);
    }
    rows
}

fn from_a() -> Frame {
    Frame::new(BROADCAST, A)
}

/// IPv4 from `source`, UDP between two ports.
fn udp(source: [u8; 4], from: u16, to: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(source);
    packet.extend([255; 4]);
    packet.extend([from, to, 8, 0].map(u16::to_be_bytes).concat());
    packet
}

/// ARP that says `ip` is at `mac`.
fn arp(mac: MacAddr, ip: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, 2];
    [&head, &mac.0[..], &ip, &[0; 10]].concat()
}

/// A message of neighbour discovery from `source` about `target`, behind a hop-by-hop header.
fn discovery(kind: u8, source: [u8; 16], target: [u8; 16]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 32, 0, 255];
    packet.extend([source, VICTIM_LINK].concat());
    packet.extend([58, 0, 1, 4, 0, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0]);
    packet.extend(target);
    packet
}

#[test]
fn what_is_bound_passes() {
    let mut rows = Vec::new();
    let own = bindings();
    rows.extend(passes(
        &own,
        &from_a().of_len(60),
        "a frame from the address",
    ));
    rows.extend(passes(&own, &from_a().udp(b"data"), "a datagram"));
    let tagged = from_a().tag(VLAN, 10);
    rows.extend(passes(
        &own,
        &tagged.udp(b"data"),
        "a datagram behind a tag",
    ));
    let twice = from_a().tag(SVLAN, 10).tag(VLAN, 20);
    rows.extend(passes(
        &own,
        &twice.udp(b"data"),
        "a datagram behind two tags",
    ));
    rows.extend(passes(&own, &from_a().arp_request(), "a request"));
    let discover = from_a().raw(IPV4, &udp([0; 4], 68, 67));
    rows.extend(passes(&own, &discover, "a DHCP client without an address"));
    let told = from_a().raw(IPV6, &discovery(136, LINK, LINK));
    rows.extend(passes(&own, &told, "an advertisement of its own address"));
    check_with(Features::GUARD, &rows);
}

#[test]
fn what_is_not_bound_is_dropped() {
    let mut rows = Vec::new();
    let own = bindings();
    let mut spoof = |frame: &[u8], reason, about| rows.extend(refused(&own, frame, reason, about));
    let (mac, ip) = (DropReason::SpoofedMac, DropReason::SpoofedIp);
    for thief in [C, station(9)] {
        let frame = Frame::new(BROADCAST, thief);
        spoof(&frame.udp(b"data"), mac, "a source of another port");
        spoof(&frame.of_len(60), mac, "a source that says nothing more");
        spoof(&frame.of_len(20), mac, "a source of a short frame");
    }
    let packet = udp(VICTIM, 4000, 5000);
    for frame in [
        from_a(),
        from_a().tag(VLAN, 10),
        from_a().tag(SVLAN, 10).tag(VLAN, 20),
    ] {
        spoof(&frame.raw(IPV4, &packet), ip, "an IPv4 source");
        let poison = frame.raw(ARP, &arp(A, VICTIM));
        spoof(&poison, DropReason::SpoofedArp, "an ARP sender's address");
        let poison = frame.raw(ARP, &arp(C, IP));
        spoof(&poison, DropReason::SpoofedArp, "an ARP sender's station");
        let spoofed = discovery(136, VICTIM_LINK, LINK);
        spoof(&frame.raw(IPV6, &spoofed), ip, "an IPv6 source");
        let poison = frame.raw(IPV6, &discovery(136, LINK, VICTIM_LINK));
        spoof(&poison, DropReason::SpoofedArp, "a target");
    }
    let thrice = from_a().tag(SVLAN, 1).tag(VLAN, 2).tag(VLAN, 3);
    spoof(&thrice.udp(b"data"), ip, "a third tag");
    let short = from_a().raw(ARP, &arp(A, IP)[..20]);
    spoof(&short, DropReason::SpoofedArp, "a request cut off");
    check_with(Features::GUARD, &rows);
}

#[test]
fn rogue_routers_and_servers_are_dropped() {
    let mut rows = Vec::new();
    let guarded = |flag| [Before::Switch(1, flag)];
    let (ra, dhcp) = (PortFlags::RA_GUARD, PortFlags::DHCP_GUARD);
    let advertisement = from_a().raw(IPV6, &discovery(134, LINK, LINK));
    let redirect = from_a().raw(IPV6, &discovery(137, LINK, LINK));
    let offer = from_a().raw(IPV4, &udp(IP, 67, 68));
    let request = from_a().raw(IPV4, &udp([0; 4], 68, 67));
    rows.extend(passes(&[], &advertisement, "a router where no guard is"));
    rows.extend(passes(
        &guarded(dhcp),
        &advertisement,
        "a router that is no server",
    ));
    rows.extend(passes(&guarded(ra), &offer, "a server that is no router"));
    rows.extend(passes(&guarded(dhcp), &request, "a client"));
    let rogue = DropReason::RogueRa;
    rows.extend(refused(&guarded(ra), &advertisement, rogue, "a router"));
    rows.extend(refused(&guarded(ra), &redirect, rogue, "a redirect"));
    rows.extend(refused(
        &guarded(dhcp),
        &offer,
        DropReason::RogueDhcp,
        "a server",
    ));
    check_with(Features::GUARD, &rows);
}

/// A flow that the cache knows is looked into all the same, and a port that is guarded now was not before.
#[test]
fn the_flow_cache_lets_nothing_past_the_guard() {
    require_root!();
    let to_b = Frame::new(B, A);
    let (honest, spoofed) = (to_b.udp(b"data"), to_b.raw(IPV4, &udp(VICTIM, 1, 2)));
    let run = |bench: &mut Bench, hook, frame: &[u8]| {
        (0..3)
            .map(|_| bench.run(hook, bench.ifindex(1), frame, None))
            .collect::<Vec<_>>()
    };
    Bench::alone(|| {
        let mut bench = Bench::new(4, HookChoice::Xdp, &options(Features::GUARD, true));
        for hook in Hook::ALL {
            bench.reset();
            Before::Heard(B, 2).apply(&mut bench, hook);
            for frame in [&honest, &spoofed] {
                assert_eq!(run(&mut bench, hook, frame), [Action::Redirect; 3]);
            }
            for before in bindings() {
                before.apply(&mut bench, hook);
            }
            for _ in 0..2 {
                assert_eq!(run(&mut bench, hook, &honest), [Action::Redirect; 3]);
                assert_eq!(run(&mut bench, hook, &spoofed), [Action::Drop; 3]);
            }
            let drops = bench.counters(1).drops;
            assert_eq!(drops[DropReason::SpoofedIp as usize], 6, "{hook:?}");
            // Freed by userspace, the flag first.
            bench.change(1, |port| {
                port.flags = port.flags.set(PortFlags::GUARDED, false);
            });
            assert_eq!(run(&mut bench, hook, &spoofed), [Action::Redirect; 3]);
        }
    });
}
