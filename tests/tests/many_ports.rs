//! More ports than one run of the program can flood to, and more than a backlog holds.

use std::time::{Duration, Instant};

use netbridge::{
    bridge::{HookChoice, PortSpec},
    net::{Links, Netns, VethSpec},
};
use netbridge_common::MacAddr;
use netbridge_tests::{
    require_root,
    topology::{Lab, PortOptions, disable_ipv6},
    traffic::ping_with,
    wire::{SOON, Wire, frame},
};

const PORTS: usize = 1_100;
/// Far ends in one namespace.
const SHARED: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

/// Adds `count` ports whose far ends share namespaces and say nothing.
fn add_idle_ports(lab: &Lab, from: usize, count: usize) -> Vec<Netns> {
    let namespaces: Vec<Netns> = (0..count.div_ceil(SHARED))
        .map(|_| Netns::anonymous().expect("make a namespace"))
        .collect();
    namespaces.iter().for_each(disable_ipv6);
    let near = Links::within(lab.host()).expect("open the host's interfaces");
    let mut names = Vec::new();
    for (n, netns) in namespaces.iter().enumerate() {
        let far = Links::within(netns).expect("open the interfaces");
        for n in n * SHARED..count.min((n + 1) * SHARED) {
            let name = format!("i{}", from + n);
            let spec = VethSpec {
                name: &name,
                peer_name: &name,
                peer_netns: Some(netns),
                ..VethSpec::default()
            };
            let link = near.add_veth(&spec).expect("add a veth pair");
            let peer = link.peer.expect("a veth has a peer").ifindex;
            far.set_up(peer, true).expect("set the far end up");
            near.set_up(link.ifindex, true).expect("set the port up");
            names.push(name);
        }
    }
    lab.bridge(|bridge| {
        for ifname in names {
            let spec = PortSpec {
                ifname,
                hook: HookChoice::Tc,
                ..PortSpec::default()
            };
            bridge.add_port(&spec).map(drop).expect("add the port");
        }
    });
    namespaces
}

#[test]
fn a_broadcast_reaches_every_one_of_1100_ports() {
    require_root!();
    let start = Instant::now();
    let mut lab = Lab::new(&[HookChoice::Tc]);
    let mut idle = add_idle_ports(&lab, 0, PORTS / 2 - 1);
    let tc = PortOptions {
        hook: HookChoice::Tc,
        ..PortOptions::default()
    };
    lab.add_container(&tc);
    idle.extend(add_idle_ports(&lab, PORTS, PORTS - PORTS / 2 - 2));
    lab.add_container(&tc);
    println!("{PORTS} ports after {:?}", start.elapsed());
    assert_eq!(lab.all_stats().len(), PORTS);

    // The first and the last port, and one in the middle, find each other by broadcast.
    for (from, to) in [(1, 3), (1, 2), (3, 2)] {
        let (from, to) = (lab.container(from), lab.container(to));
        let pings = ping_with(&from.netns, to.ip, 3, 56, PATIENCE);
        assert!(pings.all_answered(), "{pings:?}");
    }
    // A multicast of the test's own: everyone has it once, and the sender does not.
    let before = lab.all_stats();
    let wires: Vec<Wire> = lab.wires();
    let flood = frame(MacAddr([1, 0, 0x5e, 1, 2, 3]), lab.container(1).mac, "all");
    wires[0].send(&flood);
    wires[1].expect_frame(&flood);
    wires[2].expect_once(&flood);
    wires[1].expect_silence(netbridge_tests::wire::SILENCE);
    let deadline = Instant::now() + SOON;
    let sent = || {
        let now = lab.all_stats();
        let sent = now
            .iter()
            .zip(&before)
            .map(|(now, then)| now.tx.frames - then.tx.frames);
        sent.collect::<Vec<u64>>()
    };
    while sent().iter().sum::<u64>() < PORTS as u64 - 1 {
        assert!(Instant::now() < deadline, "{:?}", sent());
    }
    let mut expected = vec![1; PORTS];
    expected[0] = 0;
    assert_eq!(sent(), expected);
    lab.assert_accounts();
    lab.assert_no_drops();
    println!("done after {:?}", start.elapsed());
    drop(lab);
    println!("gone after {:?}", start.elapsed());
}
