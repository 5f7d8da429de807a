//! Bridges that answer for neighbours, with real stacks on both hooks: nobody hears a question.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    thread,
    time::Duration,
};

use netbridge::{
    bridge::{Addresses, BridgeChange, PortChange},
    fdb::EntryKind,
    net::Netns,
};
use netbridge_common::{FdbKey, MacAddr, PortFlags, ProxyMode};
use netbridge_tests::{
    frame::ARP,
    require_root,
    stack6::{add_ipv6, ipv6, reaches, socket},
    topology::{Lab, hook_mixes},
    traffic::ping,
    wire::{SILENCE, Wire, typed_frame},
};

/// A bridge of three that floods nothing: the addresses of all are bound, and only they are known.
fn quiet(lab: &Lab) {
    for (n, container) in (1..).zip(lab.containers()) {
        let own = Addresses {
            macs: vec![container.mac],
            ips: vec![IpAddr::from(container.ip), IpAddr::from(ipv6(n))],
            vlan: None,
        };
        let still = PortChange {
            set: PortFlags::NO_LEARNING,
            ..PortChange::default()
        };
        lab.bridge(|bridge| {
            bridge
                .add_bindings(&container.port, &own)
                .expect("bind addresses");
            bridge
                .change_port(&container.port, &still)
                .expect("learn nothing");
            let port = bridge.port_named(&container.port).expect("find the port");
            bridge
                .add_fdb_entry(FdbKey::untagged(container.mac), port.id, EntryKind::Static)
                .expect("seed the FDB");
        });
    }
    let change = BridgeChange {
        flood: Some(false),
        proxy: Some(ProxyMode::Only),
        ..BridgeChange::default()
    };
    lab.bridge(|bridge| bridge.change(&change).expect("answer for neighbours"));
}

/// The address that a stack makes of an Ethernet address (RFC 4291 appendix A).
fn link_local(mac: MacAddr) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&[0xfe, 0x80]);
    octets[8..11].copy_from_slice(&mac.0[..3]);
    octets[8] ^= 2;
    octets[11..13].copy_from_slice(&[0xff, 0xfe]);
    octets[13..].copy_from_slice(&mac.0[3..]);
    Ipv6Addr::from_octets(octets)
}

/// Waits until the stack has found that an address of it is somebody else's.
fn is_duplicate(netns: &Netns, ip: Ipv6Addr) -> bool {
    const DAD_FAILED: u32 = 8;
    let digits: String = ip.octets().map(|octet| format!("{octet:02x}")).concat();
    let look = || {
        (0..100).any(|_| {
            thread::park_timeout(Duration::from_millis(50));
            let table = fs::read_to_string("/proc/thread-self/net/if_inet6");
            let table = table.expect("read the addresses");
            let line = table.lines().find(|line| line.starts_with(&digits));
            let flags = line.and_then(|line| line.split_whitespace().nth(4));
            let flags = flags.and_then(|flags| u32::from_str_radix(flags, 16).ok());
            flags.is_some_and(|flags| flags & DAD_FAILED != 0)
        })
    };
    netns.run(look).expect("enter the namespace")
}

/// An ARP packet.
fn arp(operation: u8, from: (MacAddr, Ipv4Addr), to: (MacAddr, Ipv4Addr)) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    let (sender, target) = (from.1.octets(), to.1.octets());
    [&head[..], &from.0.0, &sender, &to.0.0, &target].concat()
}

#[test]
fn neighbours_find_each_other_and_nobody_else_hears_of_it() {
    require_root!();
    for hooks in hook_mixes(3) {
        let lab = Lab::new(&hooks);
        quiet(&lab);
        let wires: Vec<Wire> = lab.wires();
        let [one, two, three] = [1, 2, 3].map(|n| lab.container(n));
        assert_eq!(ping(&one.netns, two.ip, 3).received, 3, "{hooks:?}");
        let sockets = [1_u16, 2].map(|n| {
            let netns = &lab.container(n.into()).netns;
            add_ipv6(netns, ipv6(n));
            socket(netns, ipv6(n))
        });
        assert!(reaches(&sockets[0], &sockets[1]), "{hooks:?}");
        assert!(reaches(&sockets[1], &sockets[0]), "{hooks:?}");
        // Octet for octet, for a request and for a probe.
        let (zero, nobody) = (MacAddr::default(), Ipv4Addr::UNSPECIFIED);
        for sender in [one.ip, nobody] {
            let asked = arp(1, (one.mac, sender), (zero, two.ip));
            wires[0].send(&typed_frame(MacAddr::BROADCAST, one.mac, ARP, &asked));
            let told = arp(2, (two.mac, two.ip), (one.mac, sender));
            wires[0].expect_frame(&typed_frame(one.mac, two.mac, ARP, &told));
        }
        // Nobody is told about itself, nor about who is unknown.
        let unknown = Ipv4Addr::new(10, 99, 99, 99);
        for target in [one.ip, unknown] {
            let asked = arp(1, (one.mac, one.ip), (zero, target));
            wires[0].send(&typed_frame(MacAddr::BROADCAST, one.mac, ARP, &asked));
        }
        let is_arp = |frame: &[u8]| frame.get(12..14) == Some(&[8, 6]);
        wires[0].expect_no(is_arp, SILENCE);
        for wire in &wires[1..] {
            wire.expect_no(
                |frame| frame.get(12..14) == Some(&[8, 6]) && frame[..6] == MacAddr::BROADCAST.0,
                SILENCE,
            );
        }
        let answered = lab.stats(1).answered;
        assert!(answered >= 4, "{hooks:?}: {answered}");
        // The address that the stack of the third would choose is the second's; the guard of the third's
        // port is out of the way.
        lab.bridge(|bridge| bridge.del_bindings(&three.port, &Addresses::default()))
            .expect("free the addresses");
        let link = link_local(three.mac);
        let taken = Addresses {
            macs: vec![two.mac],
            ips: vec![IpAddr::from(link)],
            vlan: None,
        };
        lab.bridge(|bridge| bridge.add_bindings(&two.port, &taken))
            .expect("bind the address");
        add_ipv6(&three.netns, ipv6(3));
        assert!(is_duplicate(&three.netns, link), "{hooks:?}");
        assert_eq!(lab.stats(3).answered, 1, "{hooks:?}");
        lab.assert_accounts();
    }
}
