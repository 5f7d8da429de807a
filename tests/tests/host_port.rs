//! The host as a port: a gateway that containers reach, as it reaches them.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::net::Ipv4Addr;

use netbridge::{
    bridge::{HookReason, HostInterface},
    net::Links,
};
use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    traffic::{checksum_errors, ping, tcp, udp},
    wire::{SILENCE, Wire, expect_delivery, frame},
};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);
const GATEWAY_MAC: MacAddr = MacAddr([0x02, 0x42, 0xac, 0x11, 0, 1]);
const STRANGER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x77]);

/// Calls `check` with a lab of two containers and a gateway for each mix of hooks.
fn with_a_gateway(check: impl Fn(&Lab)) {
    for hooks in hook_mixes(2) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        let interface = HostInterface {
            addresses: vec![format!("{GATEWAY}/16").parse().expect("an address")],
            mac: Some(GATEWAY_MAC.0),
            ..HostInterface::default()
        };
        let port = lab.bridge(|bridge| bridge.add_host_interface(&interface).expect("add it"));
        assert_eq!(
            (port.ifname.as_str(), port.hook_reason),
            ("br0-p", HookReason::Host)
        );
        check(&lab);
        lab.assert_accounts();
        for netns in [lab.host(), &lab.container(1).netns, &lab.container(2).netns] {
            assert_eq!(checksum_errors(netns), 0);
        }
    }
}

#[test]
fn containers_and_host_ping_each_other() {
    require_root!();
    with_a_gateway(|lab| {
        for container in lab.containers() {
            let pings = ping(&container.netns, GATEWAY, 5);
            assert!(pings.all_answered() && pings.ttl == 64, "{pings:?}");
            let pings = ping(lab.host(), container.ip, 5);
            assert!(pings.all_answered() && pings.ttl == 64, "{pings:?}");
        }
        let pings = ping(&lab.container(1).netns, lab.container(2).ip, 5);
        assert!(pings.all_answered(), "{pings:?}");
        let host = lab.stats_of("br0-p");
        assert!(host.rx.frames >= 10 && host.tx.frames >= 10, "{host:#?}");
        assert_eq!(host.name.as_deref(), Some("host"));
        lab.assert_no_drops();
    });
}

#[test]
fn streams_and_datagrams_pass_between_containers_and_host() {
    require_root!();
    with_a_gateway(|lab| {
        for container in lab.containers() {
            tcp(&container.netns, lab.host(), GATEWAY, 2_000_000);
            tcp(lab.host(), &container.netns, container.ip, 2_000_000);
            assert_eq!(udp(&container.netns, lab.host(), GATEWAY, 64, 1400), 64);
            assert_eq!(
                udp(lab.host(), &container.netns, container.ip, 64, 1400),
                64
            );
        }
        lab.assert_no_drops();
    });
}

#[test]
fn the_host_has_its_own_frames_and_floods_once_and_nothing_else() {
    require_root!();
    with_a_gateway(|lab| {
        let (wires, host) = (lab.wires(), Wire::open(lab.host(), "br0"));
        let unicast = frame(GATEWAY_MAC, STRANGER, "for the host");
        wires[0].send(&unicast);
        expect_delivery(&unicast, &[&host], &[&wires[0], &wires[1]]);
        let flood = frame(MacAddr::BROADCAST, STRANGER, "for all");
        wires[0].send(&flood);
        expect_delivery(&flood, &[&host, &wires[1]], &[&wires[0]]);
        let back = frame(STRANGER, GATEWAY_MAC, "from the host");
        host.send(&back);
        expect_delivery(&back, &[&wires[0]], &[&host, &wires[1]]);
    });
}

#[test]
fn the_hosts_address_comes_from_the_host_alone() {
    require_root!();
    with_a_gateway(|lab| {
        let (wires, host) = (lab.wires(), Wire::open(lab.host(), "br0"));
        for (n, wire) in wires.iter().enumerate() {
            for dst in [MacAddr::BROADCAST, lab.container(2 - n).mac] {
                wire.send(&frame(dst, GATEWAY_MAC, "an impostor"));
            }
            assert_eq!(wait_for_drops(lab, n + 1, 2), 2);
        }
        for wire in wires.iter().chain([&host]) {
            wire.expect_silence(SILENCE);
        }
        let entry = lab.entry(GATEWAY_MAC).expect("is there for good");
        let port = lab.bridge(|bridge| bridge.host_port().expect("look"));
        assert_eq!(entry.port, port);
        let pings = ping(&lab.container(1).netns, GATEWAY, 3);
        assert!(pings.all_answered(), "{pings:?}");
    });
}

/// The port's `own_source` drops, once there are `wanted` of them or it takes too long.
fn wait_for_drops(lab: &Lab, n: usize, wanted: u64) -> u64 {
    let deadline = std::time::Instant::now() + netbridge_tests::wire::SOON;
    loop {
        let drops = lab.drops(n, "own_source");
        if drops >= wanted || std::time::Instant::now() > deadline {
            return drops;
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_hosts_port_stays_as_long_as_the_bridge() {
    require_root!();
    with_a_gateway(|lab| {
        let refused = lab.bridge(|bridge| bridge.del_port("br0-p").map_err(|e| e.to_string()));
        assert!(refused.expect_err("is refused").contains("bridge del br0"));
        let twice = lab.bridge(|bridge| {
            let again = bridge.add_host_interface(&HostInterface::default());
            again.map(drop).map_err(|error| error.to_string())
        });
        assert!(twice.expect_err("is refused").contains("br0"));
        let removed = lab.bridge(|bridge| {
            let own = bridge.del_fdb_entry(GATEWAY_MAC).is_err();
            own && bridge
                .flush_fdb(&netbridge::fdb::Selection {
                    permanent_too: true,
                    ..Default::default()
                })
                .is_ok()
        });
        assert!(removed, "the own entry is not for operators");
        assert!(lab.entry(GATEWAY_MAC).is_some());
        lab.bridge(netbridge::bridge::Bridge::release_ports);
        let links = Links::within(lab.host()).expect("open the interfaces");
        for name in ["br0", "br0-p"] {
            assert!(links.by_name(name).is_err(), "{name} is still there");
        }
        assert_eq!(lab.fdb(), []);
    });
}
