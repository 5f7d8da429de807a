//! Where stations are: learning, moving, flushing, and the entries that an operator adds; rows 6,
//! 17 and 18 of the conformance list.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use netbridge::{
    bridge::{PortChange, PortSpec},
    fdb::{EntryKind, Selection},
};
use netbridge_common::{FdbFlags, MacAddr, PortState};
use netbridge_tests::{
    require_root,
    topology::{Lab, on_every_mix},
    wire::{SOON, Wire, expect_delivery, frame},
};

const STATION: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x77]);
const OTHER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x78]);

/// Sends a broadcast from `src` on wire `at`, from 0, and waits until the others have it.
fn announce(wires: &[Wire], at: usize, src: MacAddr) {
    let hello = frame(MacAddr::BROADCAST, src, "hello");
    wires[at].send(&hello);
    for (n, wire) in wires.iter().enumerate() {
        if n != at {
            wire.expect_frame(&hello);
        }
    }
}

/// Asserts that a frame from wire 0 for `dst` reaches the wires `at`, from 0, and no other.
fn assert_reaches(wires: &[Wire], dst: MacAddr, at: &[usize]) {
    let unicast = frame(dst, OTHER, "for the station");
    wires[0].send(&unicast);
    let (mut hears, mut silent) = (Vec::new(), Vec::new());
    for (n, wire) in wires.iter().enumerate() {
        if at.contains(&n) {
            hears.push(wire);
        } else {
            silent.push(wire);
        }
    }
    expect_delivery(&unicast, &hears, &silent);
}

fn add_entry(lab: &Lab, n: usize, kind: EntryKind) {
    let port = lab.port_id(n);
    lab.bridge(|bridge| bridge.add_fdb_entry(STATION, port, kind).expect("add it"));
}

#[test]
fn a_station_is_learned_from_its_first_frame() {
    require_root!();
    on_every_mix(|lab, wires| {
        assert_reaches(wires, STATION, &[1, 2]);
        announce(wires, 1, STATION);
        let entry = lab.entry(STATION).expect("is learned");
        assert_eq!((entry.port, entry.flags), (lab.port_id(2), FdbFlags(0)));
        assert_reaches(wires, STATION, &[1]);
        assert_eq!(lab.stats(2).learned, 1);
    });
}

#[test]
fn learning_is_from_sources_alone() {
    require_root!();
    on_every_mix(|lab, wires| {
        assert_reaches(wires, STATION, &[1, 2]);
        let known: Vec<MacAddr> = lab.fdb().iter().map(|(key, _)| key.mac).collect();
        assert_eq!(known, [OTHER]);
    });
}

#[test]
fn a_move_takes_effect_on_the_first_frame_from_the_new_port() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 1, STATION);
        assert_reaches(wires, STATION, &[1]);
        announce(wires, 2, STATION);
        assert_eq!(lab.entry(STATION).expect("is there").port, lab.port_id(3));
        assert_reaches(wires, STATION, &[2]);
        announce(wires, 1, STATION);
        assert_reaches(wires, STATION, &[1]);
        assert_eq!((lab.stats(2).learned, lab.stats(3).learned), (2, 1));
    });
}

#[test]
fn static_entries_stay_where_they_are() {
    require_root!();
    on_every_mix(|lab, wires| {
        add_entry(lab, 2, EntryKind::Static);
        assert_reaches(wires, STATION, &[1]);
        announce(wires, 2, STATION);
        let entry = lab.entry(STATION).expect("is there");
        assert_eq!(
            (entry.port, entry.flags),
            (lab.port_id(2), FdbFlags::STATIC)
        );
        assert_reaches(wires, STATION, &[1]);
        assert_eq!(lab.stats(3).learn_refused, 1, "{:#?}", lab.stats(3));
        assert_eq!(lab.stats(3).learned, 0);
    });
}

#[test]
fn a_static_entry_beats_a_learned_one() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 1, STATION);
        add_entry(lab, 3, EntryKind::Static);
        assert_reaches(wires, STATION, &[2]);
    });
}

#[test]
fn sticky_entries_stay_until_they_age() {
    require_root!();
    on_every_mix(|lab, wires| {
        add_entry(lab, 2, EntryKind::Sticky);
        announce(wires, 2, STATION);
        assert_eq!(lab.entry(STATION).expect("is there").port, lab.port_id(2));
        assert_reaches(wires, STATION, &[1]);
        assert_eq!(lab.stats(3).learn_refused, 1, "{:#?}", lab.stats(3));
    });
}

#[test]
fn dynamic_entries_move_with_the_station() {
    require_root!();
    on_every_mix(|lab, wires| {
        add_entry(lab, 2, EntryKind::Dynamic);
        assert_reaches(wires, STATION, &[1]);
        announce(wires, 2, STATION);
        assert_reaches(wires, STATION, &[2]);
    });
}

#[test]
fn a_port_that_goes_takes_its_entries_along() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 1, STATION);
        announce(wires, 2, lab.container(3).mac);
        let port = &lab.container(2).port;
        lab.bridge(|bridge| bridge.del_port(port).expect("remove the port"));
        assert!(lab.entry(STATION).is_none(), "its entry is still there");
        assert!(lab.entry(lab.container(3).mac).is_some(), "another's went");
        assert_reaches(wires, STATION, &[2]);
        let spec = PortSpec {
            ifname: port.clone(),
            ..PortSpec::default()
        };
        lab.bridge(|bridge| bridge.add_port(&spec).map(drop).expect("add it again"));
        assert_eq!(lab.stats(2).rx.frames, 0, "counters start anew");
        assert_reaches(wires, STATION, &[1, 2]);
    });
}

#[test]
fn a_port_that_is_disabled_loses_its_entries() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 1, STATION);
        let change = PortChange {
            state: Some(PortState::Blocking),
            ..PortChange::default()
        };
        let port = &lab.container(2).port;
        lab.bridge(|bridge| bridge.change_port(port, &change).expect("change it"));
        assert!(lab.entry(STATION).is_none());
        assert_reaches(wires, STATION, &[2]);
    });
}

#[test]
fn a_learning_port_learns_and_drops() {
    require_root!();
    on_every_mix(|lab, wires| {
        let change = PortChange {
            state: Some(PortState::Learning),
            ..PortChange::default()
        };
        let port = &lab.container(2).port;
        lab.bridge(|bridge| bridge.change_port(port, &change).expect("change it"));
        let hello = frame(MacAddr::BROADCAST, STATION, "hello");
        wires[1].send(&hello);
        expect_delivery(&hello, &[], &[&wires[0], &wires[2]]);
        assert_eq!(lab.drops(2, "port_disabled"), 1);
        assert_eq!(lab.entry(STATION).expect("is learned").port, lab.port_id(2));
        // What is for it finds the port closed, and is not flooded either.
        let unicast = frame(STATION, OTHER, "closed");
        wires[0].send(&unicast);
        expect_delivery(&unicast, &[], &[&wires[1], &wires[2]]);
        assert_eq!(lab.drops(1, "egress_down"), 1);
    });
}

#[test]
fn a_flush_takes_what_was_learned_and_leaves_what_was_added() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 0, OTHER);
        announce(wires, 1, lab.container(2).mac);
        add_entry(lab, 2, EntryKind::Static);
        let (one, two) = (lab.port_id(1), lab.port_id(2));
        let flush =
            |selection| lab.bridge(move |bridge| bridge.flush_fdb(&selection).expect("flush"));
        let only = |port| Selection {
            port: Some(port),
            ..Selection::default()
        };
        assert_eq!(flush(only(one)), 1);
        assert!(lab.entry(OTHER).is_none());
        assert_eq!(flush(only(two)), 1);
        assert_reaches(wires, STATION, &[1]);
        let everything = Selection {
            permanent_too: true,
            ..Selection::default()
        };
        assert_eq!(flush(everything), 2);
        assert_reaches(wires, STATION, &[1, 2]);
    });
}

#[test]
fn many_stations_behind_one_port_are_all_learned() {
    require_root!();
    on_every_mix(|lab, wires| {
        let station = |n: u8| MacAddr([0x02, 0, 0, 1, 0, n]);
        for n in 0..200 {
            wires[1].send(&frame(OTHER, station(n), "one of many"));
            wires[0].expect(|frame| frame[6..12] == station(n).0, SOON);
        }
        assert_eq!(lab.stats(2).learned, 200);
        assert_eq!(lab.fdb().len(), 200);
        for n in [0, 100, 199] {
            assert_reaches(wires, station(n), &[1]);
        }
    });
}
