//! VLANs together with the switches of ports: none of the two undoes the other.

use netbridge::{bridge::PortChange, fdb::EntryKind};
use netbridge_common::{FdbKey, PortFlags};
use netbridge_tests::{
    frame::{BROADCAST, station},
    require_root,
};

use super::{Net, TRUNK, access_and_trunks, on_every_net, tag};

fn switch(net: &Net, n: usize, set: PortFlags) {
    let change = PortChange {
        set,
        ..PortChange::default()
    };
    net.set(n, &change);
}

#[test]
fn isolated_ports_of_a_vlan_meet_only_at_its_other_ports() {
    require_root!();
    on_every_net(4, |net| {
        access_and_trunks(net);
        let (one, two, three) = (station(1), station(2), station(3));
        net.announce(2, two, &[]);
        net.announce(3, three, &[tag(0, 10)]);
        net.pass(1, (two, one), &[], &[(2, &[])]);
        for n in [1, 2, 4] {
            switch(net, n, PortFlags::ISOLATED);
        }
        net.refused(1, (two, one), &[], "isolated");
        let ten = tag(3, 10);
        net.pass(1, (three, one), &[tag(3, 0)], &[(3, &[ten])]);
        net.pass(1, (BROADCAST, one), &[tag(3, 0)], &[(3, &[ten])]);
        net.pass(1, (station(77), one), &[], &[(3, &[tag(0, 10)])]);
        let all: [(usize, &[_]); 3] = [(1, &[]), (2, &[]), (4, &[ten])];
        net.pass(3, (BROADCAST, three), &[ten], &all);
    });
}

#[test]
fn a_hairpin_port_gets_frames_back_in_their_own_vlan_alone() {
    require_root!();
    on_every_net(4, |net| {
        access_and_trunks(net);
        let (near, far) = (station(31), station(32));
        net.announce(3, far, &[tag(0, 10)]);
        net.refused(3, (far, near), &[tag(0, 10)], "same_port");
        switch(net, 3, PortFlags::HAIRPIN);
        let (ten, twenty) = (tag(5, 10), tag(5, 20));
        net.pass(3, (far, near), &[ten], &[(3, &[ten])]);
        // In VLAN 20 nobody knows the station: a flood, the own port among its ports.
        net.pass(3, (far, near), &[twenty], &[(3, &[twenty]), (4, &[twenty])]);
        let all: [(usize, &[_]); 4] = [(1, &[]), (2, &[]), (3, &[ten]), (4, &[ten])];
        net.pass(3, (BROADCAST, near), &[ten], &all);
        // An untagged frame comes back as the port has its native VLAN: untagged.
        net.pass(3, (BROADCAST, near), &[], &[(3, &[]), (4, &[])]);
    });
}

#[test]
fn a_locked_port_asks_the_fdb_of_the_frames_vlan() {
    require_root!();
    on_every_net(4, |net| {
        net.add(1, 10, 20, TRUNK);
        net.add(2, 10, 20, TRUNK);
        let guest = station(9);
        let (one, ifname) = (net.lab.port_id(1), &net.lab.container(1).port);
        net.lab.bridge(|bridge| {
            let port = bridge.port_named(ifname).expect("find the port");
            let key = bridge
                .fdb_key(guest, Some(10), Some(&port))
                .expect("a key in VLAN 10");
            bridge
                .add_fdb_entry(key, one, EntryKind::Static)
                .expect("add an entry");
        });
        switch(net, 1, PortFlags::LOCKED);
        let (ten, twenty) = (tag(1, 10), tag(1, 20));
        net.pass(1, (BROADCAST, guest), &[ten], &[(2, &[ten])]);
        net.refused(1, (BROADCAST, guest), &[twenty], "locked");
        net.refused(1, (BROADCAST, guest), &[], "locked");
        let learned = FdbKey {
            mac: guest,
            vid: 20,
        };
        assert!(!net.lab.fdb().iter().any(|(key, _)| *key == learned));
    });
}
