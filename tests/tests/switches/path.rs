//! From where to where frames go: `isolated` and `hairpin`.

use netbridge::fdb::EntryKind;
use netbridge_common::{MacAddr, PortFlags};
use netbridge_tests::{require_root, topology::on_every_mix, wire::frame};

use super::{FAR, MULTICAST, NEAR, NOBODY, announce, goes, switch, warm};

#[test]
fn isolated_ports_do_not_reach_each_other_whatever_they_send() {
    require_root!();
    on_every_mix(|lab, wires| {
        let (one, two) = (lab.container(1).mac, lab.container(2).mac);
        announce(wires, 1, one, &[2, 3]);
        announce(wires, 2, two, &[1, 3]);
        announce(wires, 2, FAR, &[1, 3]);
        let there = [frame(two, one, "there"), frame(FAR, one, "there")];
        let back = frame(one, two, "back");
        for frame in &there {
            warm(wires, 1, frame, 2);
        }
        warm(wires, 2, &back, 1);
        // One of them alone keeps nobody away.
        switch(lab, 1, PortFlags::ISOLATED, true);
        goes(wires, 1, &there[0], &[2]);
        goes(wires, 2, &back, &[1]);
        switch(lab, 2, PortFlags::ISOLATED, true);
        goes(wires, 1, &there[0], &[]);
        goes(wires, 1, &there[1], &[]);
        goes(wires, 2, &back, &[]);
        assert_eq!(lab.drops(1, "isolated"), 2);
        assert_eq!(lab.drops(2, "isolated"), 1);
        for dst in [MacAddr::BROADCAST, MULTICAST, NOBODY] {
            goes(wires, 1, &frame(dst, one, "flood"), &[3]);
            goes(wires, 2, &frame(dst, two, "flood"), &[3]);
            goes(wires, 3, &frame(dst, NEAR, "flood"), &[1, 2]);
        }
        // What is no part of a flood was not dropped.
        assert_eq!(lab.stats(1).dropped.total, 2);
        assert_eq!(lab.stats(2).dropped.total, 1);
        warm(wires, 3, &frame(one, NEAR, "open"), 1);
        warm(wires, 1, &frame(NEAR, one, "open"), 3);
        // Neither a static entry nor the other's address in a frame opens a way.
        let port = lab.port_id(2);
        lab.bridge(|bridge| bridge.add_fdb_entry(FAR, port, EntryKind::Static))
            .expect("add an entry");
        goes(wires, 1, &there[1], &[]);
        goes(wires, 1, &frame(MacAddr::BROADCAST, two, "stolen"), &[3]);
        goes(wires, 2, &frame(two, FAR, "to the thief"), &[]);
        assert_eq!(lab.drops(1, "isolated"), 3);
        assert_eq!(lab.drops(2, "isolated"), 2);
        switch(lab, 1, PortFlags::ISOLATED, false);
        goes(wires, 1, &there[1], &[2]);
        goes(wires, 2, &frame(MacAddr::BROADCAST, two, "flood"), &[1, 3]);
    });
}

#[test]
fn a_frame_comes_back_only_to_a_port_with_hairpin() {
    require_root!();
    on_every_mix(|lab, wires| {
        let own = lab.container(1).mac;
        announce(wires, 1, own, &[2, 3]);
        announce(wires, 1, NEAR, &[2, 3]);
        announce(wires, 1, FAR, &[2, 3]);
        let unicast = [frame(NEAR, FAR, "between"), frame(own, FAR, "to the own")];
        let floods = [MacAddr::BROADCAST, MULTICAST, NOBODY].map(|dst| frame(dst, NEAR, "flood"));
        for frame in &unicast {
            goes(wires, 1, frame, &[]);
        }
        assert_eq!(lab.drops(1, "same_port"), 2);
        switch(lab, 1, PortFlags::HAIRPIN, true);
        for frame in &unicast {
            warm(wires, 1, frame, 1);
            goes(wires, 1, frame, &[1]);
        }
        let before = lab.stats(1);
        for frame in &floods {
            goes(wires, 1, frame, &[1, 2, 3]);
        }
        let port = lab.stats(1);
        assert_eq!(port.tx.frames - before.tx.frames, 3, "{port:#?}");
        assert_eq!(port.rx.frames - before.rx.frames, 3, "{port:#?}");
        // The switch is that of port 1 alone.
        goes(
            wires,
            2,
            &frame(MacAddr::BROADCAST, NOBODY, "flood"),
            &[1, 3],
        );
        switch(lab, 1, PortFlags::HAIRPIN, false);
        for frame in &unicast {
            goes(wires, 1, frame, &[]);
        }
        goes(wires, 1, &floods[0], &[2, 3]);
        assert_eq!(lab.drops(1, "same_port"), 4);
        assert_eq!(lab.stats(1).dropped.total, 4);
    });
}

#[test]
fn hairpin_opens_no_way_between_stations_of_an_isolated_port() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 1, NEAR, &[2, 3]);
        switch(lab, 1, PortFlags::HAIRPIN, true);
        warm(wires, 1, &frame(NEAR, FAR, "between"), 1);
        switch(lab, 1, PortFlags::ISOLATED, true);
        goes(wires, 1, &frame(NEAR, FAR, "between"), &[]);
        goes(wires, 1, &frame(MacAddr::BROADCAST, FAR, "flood"), &[2, 3]);
        assert_eq!(lab.drops(1, "isolated"), 1);
    });
}
