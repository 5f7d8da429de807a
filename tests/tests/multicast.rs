//! Multicast snooping with the stacks of real containers, on every mix of hooks: who has joined gets a group,
//! and nobody else does.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use netbridge::{
    bridge::{BridgeChange, Membership, PortChange},
    datapath,
    mdb::Group,
};
use netbridge_common::{MacAddr, MdbEntry, MdbKey, MdbKind, PortFlags, PortId};
use netbridge_tests::{
    frame::station,
    groups::{data, igmp, mac_of, mld, query, query3},
    require_root,
    topology::{Lab, on_every_mix},
    wire::{SOON, Wire, expect_delivery, frame},
};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0x1234);
/// A sender behind container 1, and a querier behind container 3.
const SENDER: MacAddr = station(1);
const QUERIER: MacAddr = station(3);

/// Switches snooping on, or off.
fn snoop(lab: &Lab, on: bool) {
    let change = BridgeChange {
        mcast_snooping: Some(on),
        ..BridgeChange::default()
    };
    lab.bridge(|bridge| bridge.change(&change).expect("change the bridge"));
}

/// Sends a datagram to a group from container 1; asserts that it comes to these containers alone.
fn reaches(wires: &[Wire], group: IpAddr, to: &[usize], about: &str) {
    let stream = data(SENDER, group, about);
    wires[0].send(&stream);
    let at: Vec<&Wire> = to.iter().map(|n| &wires[n - 1]).collect();
    let others = (2..=wires.len()).filter(|n| !to.contains(n));
    let not_at: Vec<&Wire> = others.map(|n| &wires[n - 1]).collect();
    expect_delivery(&stream, &at, &not_at);
}

/// Waits until the database says so.
fn wait(lab: &Lab, about: &str, wanted: impl Fn(&[(MdbKey, MdbEntry)]) -> bool + Sync) {
    let deadline = Instant::now() + SOON;
    loop {
        let entries = lab.bridge(|bridge| bridge.mdb().expect("read the groups"));
        if wanted(&entries) {
            return;
        }
        assert!(Instant::now() < deadline, "{about}: {entries:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_member(lab: &Lab, n: usize, group: IpAddr) -> impl Fn(&[(MdbKey, MdbEntry)]) -> bool + Sync {
    let key = MdbKey::ip(group, 0, lab.port_id(n));
    move |entries| entries.iter().any(|(other, _)| *other == key)
}

/// A querier asks behind container 3, and the members have answered.
fn ask(lab: &Lab, wires: &[Wire]) {
    wires[2].send(&query(QUERIER, None, 1));
    wires[2].send(&mld(QUERIER, 130, Ipv6Addr::UNSPECIFIED, 100));
    for kind in [MdbKind::Querier4, MdbKind::Querier6] {
        let key = MdbKey::of(kind, 0, PortId::NONE);
        wait(lab, "a querier", |entries| {
            let now = datapath::now();
            entries
                .iter()
                .any(|(other, e)| *other == key && e.counts(now))
        });
    }
}

/// Changes an entry of the database.
fn set(lab: &Lab, key: MdbKey, change: impl FnOnce(&mut MdbEntry) + Send) {
    lab.bridge(|bridge| {
        let mut entry = bridge.maps().mdb_entry(&key).expect("an entry");
        change(&mut entry);
        bridge.maps_mut().set_mdb_entry(key, entry).expect("write");
    });
}

/// Writes a file of `/proc/sys/net` in container `n`.
fn sysctl(lab: &Lab, n: usize, path: &str, value: &str) {
    let write = || fs::write(format!("/proc/sys/net/{path}"), value).expect("write a sysctl");
    lab.container(n)
        .netns
        .run(write)
        .expect("enter the container");
}

#[test]
fn groups_reach_who_has_joined_with_any_version_and_nobody_else() {
    require_root!();
    on_every_mix(|lab, wires| {
        let group = IpAddr::V4(GROUP);
        reaches(wires, group, &[2, 3], "snooping is off");
        snoop(lab, true);
        reaches(wires, group, &[2, 3], "no querier");
        ask(lab, wires);
        // The querier's port is a router's.
        reaches(wires, group, &[3], "nobody has joined");
        for version in ["1", "2", "3"] {
            sysctl(lab, 2, "ipv4/conf/eth0/force_igmp_version", version);
            let (ip, netns) = (lab.container(2).ip, &lab.container(2).netns);
            let socket = netns.run(|| UdpSocket::bind((ip, 0)).expect("open a socket"));
            let socket = socket.expect("enter the container");
            socket.join_multicast_v4(&GROUP, &ip).expect("join");
            wait(lab, version, is_member(lab, 2, group));
            reaches(wires, group, &[2, 3], &format!("version {version}, joined"));
            reaches(
                wires,
                "239.129.2.3".parse().expect("a group"),
                &[3],
                "its twin",
            );
            reaches(
                wires,
                "224.0.0.251".parse().expect("a group"),
                &[2, 3],
                "of the link",
            );
            drop(socket);
            let key = MdbKey::ip(group, 0, lab.port_id(2));
            if version == "1" {
                // Version 1 leaves in silence.
                set(lab, key, |entry| entry.until = datapath::now());
            }
            wait(lab, version, |entries| !is_member(lab, 2, group)(entries));
            reaches(wires, group, &[3], &format!("version {version}, left"));
        }
    });
}

#[test]
fn groups_of_ipv6_reach_who_has_joined() {
    require_root!();
    on_every_mix(|lab, wires| {
        let group = IpAddr::V6(GROUP6);
        snoop(lab, true);
        for (path, value) in [("dad_transmits", "0"), ("disable_ipv6", "0")] {
            sysctl(lab, 2, &format!("ipv6/conf/eth0/{path}"), value);
        }
        ask(lab, wires);
        reaches(wires, group, &[3], "nobody has joined");
        for version in ["1", "2"] {
            sysctl(lab, 2, "ipv6/conf/eth0/force_mld_version", version);
            let open = || {
                let socket = UdpSocket::bind("[::]:0").expect("open a socket");
                let eth0 = netbridge::net::Links::new().and_then(|links| links.by_name("eth0"));
                let index = eth0.expect("find eth0").ifindex;
                socket.join_multicast_v6(&GROUP6, index).expect("join");
                socket
            };
            let socket = lab
                .container(2)
                .netns
                .run(open)
                .expect("enter the container");
            wait(lab, version, is_member(lab, 2, group));
            reaches(wires, group, &[2, 3], &format!("version {version}, joined"));
            reaches(
                wires,
                "ff02::1:ff00:1".parse().expect("a group"),
                &[2, 3],
                "of the link",
            );
            drop(socket);
            wait(lab, version, |entries| !is_member(lab, 2, group)(entries));
            reaches(wires, group, &[3], &format!("version {version}, left"));
        }
    });
}

#[test]
fn a_stack_answers_a_query_and_its_report_goes_to_routers_alone() {
    require_root!();
    on_every_mix(|lab, wires| {
        let (ip, netns) = (lab.container(2).ip, &lab.container(2).netns);
        let socket = netns.run(|| UdpSocket::bind((ip, 0)).expect("open a socket"));
        let socket = socket.expect("enter the container");
        socket.join_multicast_v4(&GROUP, &ip).expect("join");
        // Nobody heard that.
        snoop(lab, true);
        wires[2].send(&query3(QUERIER, 1));
        wait(lab, "the answer", is_member(lab, 2, GROUP.into()));
        reaches(wires, GROUP.into(), &[2, 3], "to who answered");
        let report = igmp(station(2), 0x16, Ipv4Addr::new(239, 9, 9, 9));
        wait(lab, "a querier", |entries| {
            let now = datapath::now();
            let mut queriers = entries.iter().filter(|(key, _)| key.is(MdbKind::Querier4));
            queriers.all(|(_, entry)| entry.counts(now))
        });
        wires[1].send(&report);
        expect_delivery(&report, &[&wires[2]], &[&wires[0]]);
        let asked = query(QUERIER, Some(GROUP), 10);
        wires[2].send(&asked);
        expect_delivery(&asked, &[&wires[0], &wires[1]], &[]);
    });
}

#[test]
fn memberships_routers_and_queriers_age() {
    require_root!();
    on_every_mix(|lab, wires| {
        let group = IpAddr::V4(GROUP);
        snoop(lab, true);
        ask(lab, wires);
        wires[1].send(&igmp(station(2), 0x16, GROUP));
        wait(lab, "a member", is_member(lab, 2, group));
        reaches(wires, group, &[2, 3], "joined");
        let age = |entry: &mut MdbEntry| entry.until.0 = datapath::now().0 - 1;
        set(lab, MdbKey::ip(group, 0, lab.port_id(2)), age);
        reaches(wires, group, &[3], "the membership has aged");
        set(lab, MdbKey::of(MdbKind::Router4, 0, lab.port_id(3)), age);
        reaches(wires, group, &[], "the router has aged");
        set(lab, MdbKey::of(MdbKind::Querier4, 0, PortId::NONE), age);
        reaches(wires, group, &[2, 3], "the querier has aged");
        // A report makes it count again, and takes no second place.
        ask(lab, wires);
        wires[1].send(&igmp(station(2), 0x16, GROUP));
        wait(lab, "a member", is_member(lab, 2, group));
        let learned = || lab.bridge(|bridge| bridge.maps().mdb_learned(PortId(2)).expect("read"));
        assert_eq!(learned(), 1);
        let sweep = || lab.bridge(|bridge| bridge.sweep_mdb().expect("sweep the groups"));
        assert_eq!(sweep(), 0, "nothing has aged");
        let old = |entry: &mut MdbEntry| entry.until.0 = datapath::now().0 - 3;
        set(lab, MdbKey::ip(group, 0, lab.port_id(2)), old);
        assert_eq!((sweep(), learned()), (1, 0));
    });
}

#[test]
fn fast_leave_takes_effect_at_once_and_others_stay_otherwise() {
    require_root!();
    on_every_mix(|lab, wires| {
        let group = IpAddr::V4(GROUP);
        snoop(lab, true);
        ask(lab, wires);
        let member = is_member(lab, 2, group);
        let (join, leave) = (igmp(station(2), 0x16, GROUP), igmp(station(2), 0x17, GROUP));
        wires[1].send(&join);
        wait(lab, "a member", &member);
        wires[1].send(&leave);
        reaches(wires, group, &[2, 3], "another one may be there");
        // It answers.
        wires[1].send(&igmp(station(22), 0x16, GROUP));
        let key = MdbKey::ip(group, 0, lab.port_id(2));
        wait(lab, "a member", |entries| {
            let now = datapath::now();
            entries
                .iter()
                .any(|(other, e)| *other == key && e.until.since(now).0 > 200)
        });
        let change = PortChange {
            set: PortFlags::FAST_LEAVE,
            ..PortChange::default()
        };
        let ifname = &lab.container(2).port;
        lab.bridge(|bridge| {
            bridge
                .change_port(ifname, &change)
                .expect("change the port");
        });
        wires[1].send(&leave);
        wait(lab, "nobody", |entries| !member(entries));
        reaches(wires, group, &[3], "left");
    });
}

#[test]
fn what_an_operator_adds_stays_and_goes_with_port_and_vlan() {
    require_root!();
    on_every_mix(|lab, wires| {
        let group = IpAddr::V4(GROUP);
        let ethernet = MacAddr([3, 0, 0, 0, 0, 9]);
        let ifname = &lab.container(2).port;
        let add = |group, vid| {
            lab.bridge(|bridge| {
                let port = bridge.port_named(ifname).expect("find the port");
                bridge.add_mdb_entry(&port, group, vid).map(drop)
            })
        };
        snoop(lab, true);
        ask(lab, wires);
        reaches(wires, group, &[3], "nobody");
        add(Group::Ip(group), None).expect("add a member");
        reaches(wires, group, &[2, 3], "one whom an operator added");
        wires[1].send(&igmp(station(2), 0x17, GROUP));
        reaches(wires, group, &[2, 3], "who does not leave");
        // An Ethernet group goes to all until somebody is named.
        let others = |to: &[usize], about: &str| {
            let plain = frame(ethernet, SENDER, about);
            wires[0].send(&plain);
            let (at, not_at): (Vec<_>, Vec<_>) = (2..=3).partition(|n| to.contains(n));
            let pick = |ns: Vec<usize>| ns.into_iter().map(|n| &wires[n - 1]).collect::<Vec<_>>();
            expect_delivery(&plain, &pick(at), &pick(not_at));
        };
        others(&[2, 3], "to all");
        add(Group::Mac(ethernet), None).expect("add a member");
        // The router's port gets it as well.
        others(&[2, 3], "to one and the router");
        let key = MdbKey::of(MdbKind::Router4, 0, lab.port_id(3));
        set(lab, key, |entry| entry.until.0 = datapath::now().0 - 1);
        others(&[2], "to one");
        let del = |group| {
            lab.bridge(|bridge| {
                let port = bridge.port_named(ifname).expect("find the port");
                bridge
                    .del_mdb_entry(&port, group, None)
                    .expect("remove a member")
            })
        };
        assert!(del(Group::Mac(ethernet)) && !del(Group::Mac(ethernet)));
        others(&[2, 3], "to all again");
        assert!(add(Group::Ip(group), None).is_err(), "it is there already");
        assert!(del(Group::Ip(group)) && !del(Group::Ip(group)));
        reaches(wires, group, &[], "nobody again");
        in_vlans(lab, &add);
    });
}

/// Members of a VLAN leave with it; those of a port go with the port.
fn in_vlans(
    lab: &Lab,
    add: &dyn Fn(Group, Option<u16>) -> Result<(), netbridge::bridge::BridgeError>,
) {
    let ifname = &lab.container(2).port;
    let change = BridgeChange {
        vlan_filtering: Some(true),
        ..BridgeChange::default()
    };
    let group = Group::Ip(GROUP.into());
    lab.bridge(|bridge| bridge.change(&change).expect("change the bridge"));
    assert!(
        add(group, Some(10)).is_err(),
        "the port is no member of the VLAN"
    );
    let trunk = Membership::default();
    lab.bridge(|bridge| {
        bridge
            .add_vlans(ifname, &[10..=11], trunk)
            .expect("add VLANs");
    });
    for vid in [None, Some(10), Some(11)] {
        add(group, vid).expect("add a member");
    }
    let vids = || -> Vec<u16> {
        let entries = lab.bridge(|bridge| bridge.mdb().expect("read the groups"));
        let members = entries.iter().filter(|(key, _)| key.is_member());
        members.map(|(key, _)| key.vid).collect()
    };
    assert_eq!(vids(), [1, 10, 11]);
    lab.bridge(|bridge| bridge.del_vlans(ifname, &[10..=10]).expect("remove a VLAN"));
    assert_eq!(vids(), [1, 11]);
    lab.bridge(|bridge| bridge.del_port(ifname).expect("remove the port"));
    assert_eq!(vids(), [] as [u16; 0]);
}

#[test]
fn a_vlan_has_its_own_members_and_its_own_querier() {
    require_root!();
    on_every_mix(|lab, wires| {
        let change = BridgeChange {
            vlan_filtering: Some(true),
            mcast_snooping: Some(true),
            ..BridgeChange::default()
        };
        let trunk = Membership::default();
        lab.bridge(|bridge| {
            bridge.change(&change).expect("change the bridge");
            for n in 1..=3 {
                let ifname = &lab.container(n).port;
                bridge
                    .add_vlans(ifname, &[10..=11], trunk)
                    .expect("add VLANs");
            }
        });
        let tagged = |mut frame: Vec<u8>, vid: u8| {
            frame.splice(12..12, [0x81, 0, 0, vid]);
            frame
        };
        wires[2].send(&tagged(query(QUERIER, None, 1), 10));
        wires[1].send(&tagged(igmp(station(2), 0x16, GROUP), 10));
        wait(lab, "a querier and a member", |entries| {
            let now = datapath::now();
            let count = |kind| {
                let of_kind =
                    |(key, e): &&(MdbKey, MdbEntry)| key.is(kind) && key.vid == 10 && e.counts(now);
                entries.iter().filter(of_kind).count()
            };
            count(MdbKind::Querier4) == 1 && count(MdbKind::Ipv4) == 1
        });
        let other = Ipv4Addr::new(239, 7, 7, 7);
        let all = [&wires[1], &wires[2]];
        for (group, vid, at, not_at) in [
            (GROUP, 10, &all[..], &all[..0]),
            (other, 10, &all[1..], &all[..1]),
            (GROUP, 11, &all[..], &all[..0]),
            (other, 11, &all[..], &all[..0]),
        ] {
            let stream = tagged(
                data(SENDER, group.into(), &format!("{group} in {vid}")),
                vid,
            );
            assert_eq!(&stream[..6], mac_of(group.into()).0);
            wires[0].send(&stream);
            expect_delivery(&stream, at, not_at);
        }
    });
}
