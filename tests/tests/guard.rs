//! The guard of a port with real stacks, on both hooks: who is bound works as before, and who says that he is
//! somebody else gets nowhere.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use netbridge::{
    bridge::{Addresses, BridgeChange, PortChange},
    net::Netns,
};
use netbridge_common::{MacAddr, PortFlags};
use netbridge_tests::{
    frame::{ARP, Frame, IPV4, VLAN},
    require_root,
    stack6::{add_ipv6, ipv6, reaches, socket},
    topology::{Lab, hook_mixes, on_every_mix},
    traffic::{ping, tcp},
    wire::{Wire, expect_delivery, frame, typed_frame},
};

const STRANGER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x77]);

/// Binds the addresses of every container to its port.
fn bind_all(lab: &Lab) {
    for container in lab.containers() {
        let own = Addresses {
            macs: vec![container.mac],
            ips: vec![IpAddr::from(container.ip)],
            vlan: None,
        };
        lab.bridge(|bridge| bridge.add_bindings(&container.port, &own))
            .expect("bind addresses");
    }
}

/// The Ethernet address that a namespace has for a neighbour.
fn neighbour(netns: &Netns, ip: Ipv4Addr) -> String {
    let read = || fs::read_to_string("/proc/thread-self/net/arp");
    let table = netns.run(read).expect("enter the namespace");
    let table = table.expect("read the neighbours");
    let line = table
        .lines()
        .find(|line| line.starts_with(&format!("{ip} ")));
    let mac = line.and_then(|line| line.split_whitespace().nth(3));
    mac.expect("an entry").to_owned()
}

/// IPv4 and UDP, as far as they are looked at.
fn datagram(source: Ipv4Addr, from: u16, to: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(source.octets());
    packet.extend([255; 4]);
    packet.extend([from, to, 8, 0].map(u16::to_be_bytes).concat());
    packet
}

/// A reply that says `ip` is at `mac`.
fn reply(mac: MacAddr, ip: Ipv4Addr) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, 2];
    [&head, &mac.0[..], &ip.octets(), &[0; 10]].concat()
}

/// Sends from container 1; nobody gets it.
fn lost(wires: &[Wire], frame: &[u8]) {
    wires[0].send(frame);
    expect_delivery(frame, &[], &[&wires[1], &wires[2]]);
}

#[test]
fn who_is_bound_works_and_who_spoofs_does_not() {
    require_root!();
    on_every_mix(|lab, wires| {
        bind_all(lab);
        let [one, two, three] = [1, 2, 3].map(|n| lab.container(n));
        for other in [two, three] {
            assert_eq!(ping(&one.netns, other.ip, 3).received, 3);
            tcp(&one.netns, &other.netns, other.ip, 100_000);
        }
        assert_eq!(ping(&three.netns, two.ip, 1).received, 1);
        let known = neighbour(&three.netns, two.ip);
        let home = lab.entry(two.mac).expect("an entry").port;
        // The victim's address, as a source of anything, to somebody known and to all.
        for dst in [three.mac, MacAddr::BROADCAST] {
            for src in [two.mac, STRANGER] {
                lost(wires, &frame(dst, src, "a thief"));
            }
            let spoofed = datagram(two.ip, 4000, 5000);
            lost(wires, &typed_frame(dst, one.mac, IPV4, &spoofed));
            for said in [reply(one.mac, two.ip), reply(two.mac, two.ip)] {
                lost(wires, &typed_frame(dst, one.mac, ARP, &said));
            }
        }
        // Behind tags, of which TC has the first beside the frame.
        let spoofed = datagram(two.ip, 4000, 5000);
        let said = reply(one.mac, two.ip);
        for tags in 1..=3 {
            let to_all = Frame::new(MacAddr::BROADCAST, one.mac);
            let to_all = (0..tags).fold(to_all, |frame, tag| frame.tag(VLAN, 10 + tag));
            lost(wires, &to_all.raw(IPV4, &spoofed));
            lost(wires, &to_all.raw(ARP, &said));
        }
        assert_eq!(lab.drops(1, "spoofed_mac"), 4);
        assert_eq!(lab.drops(1, "spoofed_ip"), 2 + 3 + 1);
        assert_eq!(lab.drops(1, "spoofed_arp"), 4 + 2);
        // The victim is where it was, to the bridge and to its neighbours.
        assert_eq!(lab.entry(two.mac).expect("an entry").port, home);
        assert!(lab.entry(STRANGER).is_none(), "a stranger was learned");
        assert_eq!(neighbour(&three.netns, two.ip), known);
        assert_eq!(ping(&three.netns, two.ip, 3).received, 3);
        // Who has no address yet asks for one, and is no server.
        let discover = datagram(Ipv4Addr::UNSPECIFIED, 68, 67);
        let discover = typed_frame(MacAddr::BROADCAST, one.mac, IPV4, &discover);
        wires[0].send(&discover);
        expect_delivery(&discover, &[&wires[1], &wires[2]], &[]);
        let guard = PortChange {
            set: PortFlags::DHCP_GUARD,
            ..PortChange::default()
        };
        lab.bridge(|bridge| bridge.change_port(&one.port, &guard))
            .expect("guard the port");
        let offer = typed_frame(MacAddr::BROADCAST, one.mac, IPV4, &datagram(one.ip, 67, 68));
        lost(wires, &offer);
        assert_eq!(lab.drops(1, "rogue_dhcp"), 1);
        // Freed, the port may say what it likes.
        lab.bridge(|bridge| bridge.del_bindings(&one.port, &Addresses::default()))
            .expect("free the addresses");
        let free = frame(three.mac, STRANGER, "free");
        wires[0].send(&free);
        expect_delivery(&free, &[&wires[2]], &[&wires[1]]);
    });
}

#[test]
fn neighbour_discovery_works_for_who_is_bound() {
    require_root!();
    for hooks in hook_mixes(2) {
        let lab = Lab::new(&hooks);
        bind_all(&lab);
        let mut sockets = Vec::new();
        for n in [1_u16, 2] {
            let container = lab.container(n.into());
            let ip = ipv6(n);
            let own = Addresses {
                macs: vec![container.mac],
                ips: vec![IpAddr::from(ip)],
                vlan: None,
            };
            lab.bridge(|bridge| bridge.add_bindings(&container.port, &own))
                .expect("bind an address");
            add_ipv6(&container.netns, ip);
            sockets.push(socket(&container.netns, ip));
        }
        assert!(reaches(&sockets[0], &sockets[1]), "{hooks:?}");
        assert!(reaches(&sockets[1], &sockets[0]), "{hooks:?}");
        for n in [1, 2] {
            for reason in ["spoofed_mac", "spoofed_ip", "spoofed_arp"] {
                assert_eq!(lab.drops(n, reason), 0, "{hooks:?}: {reason}");
            }
        }
        // An address of its own choice is nobody's, to its neighbour.
        let container = lab.container(1);
        lab.bridge(|bridge| {
            let ips = vec![IpAddr::from(ipv6(1))];
            let own = Addresses {
                ips,
                ..Addresses::default()
            };
            bridge.del_bindings(&container.port, &own)
        })
        .expect("free an address");
        assert!(!sockets_meet_once(&sockets), "{hooks:?}");
        assert_ne!(lab.drops(1, "spoofed_ip"), 0, "{hooks:?}");
    }
}

/// Says whether one datagram gets through.
fn sockets_meet_once(sockets: &[UdpSocket]) -> bool {
    let address = sockets[1].local_addr().expect("an address");
    sockets[0].send_to(b"hello", address).expect("send");
    sockets[1].recv_from(&mut [0; 16]).is_ok()
}

#[test]
fn bindings_follow_the_vlan_without_losing_a_frame() {
    require_root!();
    for hooks in hook_mixes(2) {
        let lab = Lab::new(&hooks);
        bind_all(&lab);
        let (one, two) = (lab.container(1), lab.container(2));
        assert_eq!(ping(&one.netns, two.ip, 1).received, 1);
        let filter = |on| BridgeChange {
            vlan_filtering: Some(on),
            ..BridgeChange::default()
        };
        for on in [true, false, true, false] {
            lab.bridge(|bridge| bridge.change(&filter(on)))
                .expect("switch filtering");
            assert_eq!(ping(&one.netns, two.ip, 3).received, 3);
            lab.wires()[0].send(&frame(two.mac, STRANGER, "a thief"));
        }
        for n in [1, 2] {
            for reason in ["spoofed_ip", "spoofed_arp"] {
                assert_eq!(lab.drops(n, reason), 0, "{hooks:?}: {reason}");
            }
        }
        assert_eq!(lab.drops(1, "spoofed_mac"), 4, "{hooks:?}");
    }
}

#[test]
fn changes_lose_no_frame_to_the_guard() {
    require_root!();
    for hooks in hook_mixes(2) {
        let lab = Lab::new(&hooks);
        let (one, two) = (lab.container(1), lab.container(2));
        let stop = AtomicBool::new(false);
        let stream = || {
            let (mut sent, mut received) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let pings = ping(&one.netns, two.ip, 20);
                sent += pings.sent;
                received += pings.received;
            }
            (sent, received)
        };
        let (sent, received) = thread::scope(|scope| {
            let pings = scope.spawn(stream);
            for round in 0..6 {
                bind_all(&lab);
                let change = BridgeChange {
                    vlan_filtering: Some(round % 2 == 0),
                    ..BridgeChange::default()
                };
                lab.bridge(|bridge| bridge.change(&change))
                    .expect("switch filtering");
                for container in lab.containers() {
                    let all = Addresses::default();
                    lab.bridge(|bridge| bridge.del_bindings(&container.port, &all))
                        .expect("free the addresses");
                }
            }
            stop.store(true, Ordering::Relaxed);
            pings.join().expect("ping")
        });
        assert!(sent > 20, "{hooks:?}: {sent} pings");
        // A frame that meets both settings of filtering may be lost to VLANs; none is to the guard.
        let mut others = 0;
        for n in [1, 2] {
            for reason in ["spoofed_mac", "spoofed_ip", "spoofed_arp"] {
                assert_eq!(lab.drops(n, reason), 0, "{hooks:?}: {reason}");
            }
            others += lab.drops(n, "vlan_egress");
        }
        assert_eq!(u64::from(received) + others, u64::from(sent), "{hooks:?}");
    }
}
