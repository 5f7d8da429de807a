//! More ports than one run of the program can flood to, and more than a backlog holds.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::time::{Duration, Instant};

use netbridge::{
    bridge::{Addresses, BridgeChange, HookChoice, Membership, PortSpec},
    net::{Links, VethSpec},
};
use netbridge_common::{MacAddr, ProxyMode};
use netbridge_tests::{
    frame::{Frame, VLAN},
    require::note,
    require_root,
    topology::{Lab, PortOptions},
    traffic::ping_with,
    wire::{SOON, Wire, frame},
};

const PORTS: usize = 1_100;
const PATIENCE: Duration = Duration::from_secs(10);

/// Adds `count` ports to nobody: the far ends have no address and say nothing. They stay in the
/// host's namespace, where no search of all processes finds them.
fn add_idle_ports(lab: &Lab, from: usize, count: usize) {
    let start = Instant::now();
    let links = Links::within(lab.host()).expect("open the host's interfaces");
    let names: Vec<String> = (from..from + count).map(|n| format!("i{n}")).collect();
    for name in &names {
        let spec = VethSpec {
            name,
            peer_name: &format!("far-{name}"),
            ..VethSpec::default()
        };
        let link = links.add_veth(&spec).expect("add a veth pair");
        let peer = link.peer.expect("a veth has a peer").ifindex;
        links.set_up(peer, true).expect("set the far end up");
        links.set_up(link.ifindex, true).expect("set the port up");
    }
    note(format_args!("{count} veth pairs in {:?}", start.elapsed()));
    lab.bridge(|bridge| {
        let spec = |ifname| PortSpec {
            ifname,
            hook: HookChoice::Tc,
            ..PortSpec::default()
        };
        let specs: Vec<PortSpec> = names.into_iter().map(spec).collect();
        bridge.add_ports(&specs).map(drop).expect("add the ports");
    });
    note(format_args!("{count} ports after {:?}", start.elapsed()));
}

#[test]
fn a_broadcast_reaches_every_one_of_1100_ports() {
    require_root!();
    let start = Instant::now();
    let mut lab = Lab::new(&[HookChoice::Tc]);
    add_idle_ports(&lab, 0, PORTS / 2 - 1);
    let tc = PortOptions {
        hook: HookChoice::Tc,
        ..PortOptions::default()
    };
    lab.add_container(&tc);
    add_idle_ports(&lab, PORTS, PORTS - PORTS / 2 - 2);
    lab.add_container(&tc);
    note(format_args!("{PORTS} ports after {:?}", start.elapsed()));
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
    note(format_args!("done after {:?}", start.elapsed()));
    a_question_among_many_ports(&lab, &wires);
    a_vlan_of_many_ports(&lab, &wires);
    note(format_args!("VLANs after {:?}", start.elapsed()));
    drop(lab);
    note(format_args!("gone after {:?}", start.elapsed()));
}

/// A question for an address that is bound makes one frame, the answer, where it would have made 1,099.
fn a_question_among_many_ports(lab: &Lab, wires: &[Wire]) {
    let (asker, owner) = (lab.container(1), lab.container(3));
    let addresses = Addresses {
        macs: vec![owner.mac],
        ips: vec![owner.ip.into()],
        vlan: None,
    };
    let change = BridgeChange {
        proxy: Some(ProxyMode::On),
        ..BridgeChange::default()
    };
    lab.bridge(|bridge| {
        let bound = bridge.add_bindings(&owner.port, &addresses);
        bound.expect("bind an address");
        bridge.change(&change).expect("answer for neighbours");
    });
    let before = lab.all_stats();
    let mut question = Frame::new(MacAddr::BROADCAST, asker.mac).arp_request();
    question[28..32].copy_from_slice(&asker.ip.octets());
    question[38..42].copy_from_slice(&owner.ip.octets());
    wires[0].send(&question);
    let is_answer = |frame: &[u8]| frame[6..12] == owner.mac.0 && frame[20..22] == [0, 2];
    wires[0].expect(is_answer, SOON);
    let now = lab.all_stats();
    let sent = now.iter().zip(&before);
    let sent: u64 = sent.map(|(now, then)| now.tx.frames - then.tx.frames).sum();
    assert_eq!(sent, 1, "frames that one question made");
    lab.bridge(|bridge| {
        let free = bridge.del_bindings(&owner.port, &Addresses::default());
        free.expect("free the address");
    });
}

/// The same in a VLAN: 400 of the ports leave it, and a flood, which takes several runs of the program,
/// leaves them out and no others.
fn a_vlan_of_many_ports(lab: &Lab, wires: &[Wire]) {
    let change = BridgeChange {
        vlan_filtering: Some(true),
        ..BridgeChange::default()
    };
    let tagged = Membership::default();
    lab.bridge(|bridge| {
        bridge.change(&change).expect("filter VLANs");
        for n in 0..400 {
            let vlans = bridge.del_vlans(&format!("i{n}"), &[1..=1]);
            vlans.expect("take a port out of VLAN 1");
        }
        let last = &lab.container(3).port;
        let vlans = bridge.add_vlans(last, &[1..=1], tagged);
        vlans.expect("tag the last port's frames");
    });
    let before = lab.all_stats();
    let flood = Frame::new(MacAddr([1, 0, 0x5e, 1, 2, 4]), lab.container(1).mac);
    wires[0].send(&flood.of_len(60));
    wires[1].expect_once(&flood.of_len(60));
    wires[2].expect_once(&flood.tag(VLAN, 1).of_len(64));
    let sent = || -> u64 {
        let now = lab.all_stats();
        let pairs = now.iter().zip(&before);
        pairs
            .map(|(now, then)| now.tx.frames - then.tx.frames)
            .sum()
    };
    let deadline = Instant::now() + SOON;
    while sent() < PORTS as u64 - 401 {
        assert!(Instant::now() < deadline, "{} copies", sent());
    }
    assert_eq!(sent(), PORTS as u64 - 401);
    lab.assert_accounts();
    lab.assert_no_drops();
}
