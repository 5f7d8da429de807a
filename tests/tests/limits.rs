//! How many stations a port and a bridge learn: exactly as many as they may, and the rest counted.

use std::{
    thread,
    time::{Duration, Instant},
};

use netbridge::{bridge::HookChoice, fdb::EntryKind};
use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    wire::{Wire, frame},
};

fn station(n: u8) -> MacAddr {
    MacAddr([0x02, 0, 0, 0, 1, n])
}

/// Calls `check` with a lab of three containers for each mix of hooks, the first port of which
/// learns three stations.
fn on_every_mix(check: impl Fn(&Lab, &[Wire])) {
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::builder(&hooks)
            .port(1, |port| port.learn_limit = 3)
            .build();
        check(&lab, &lab.wires());
        lab.assert_accounts();
    }
}

/// Sends a broadcast from each of `stations` on wire `at`, from 0; the others must hear them all,
/// learned or not.
fn announce(wires: &[Wire], at: usize, stations: impl IntoIterator<Item = u8>) {
    for n in stations {
        let hello = frame(MacAddr::BROADCAST, station(n), "hello");
        wires[at].send(&hello);
        for (_, wire) in wires.iter().enumerate().filter(|(n, _)| *n != at) {
            wire.expect_frame(&hello);
        }
    }
}

/// The stations known behind the port of container `n`, from 1.
fn known(lab: &Lab, n: usize) -> Vec<u8> {
    let port = lab.port_id(n);
    let here = lab
        .fdb()
        .into_iter()
        .filter(|(_, entry)| entry.port == port);
    here.map(|(key, _)| key.mac.0[5]).collect()
}

#[test]
fn a_port_learns_as_many_as_it_may_and_counts_the_rest() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 0, 0..5);
        assert_eq!(known(lab, 1), [0, 1, 2]);
        announce(wires, 1, 10..15);
        assert_eq!(known(lab, 2).len(), 5, "another port has no limit");
        let port = lab.stats(1);
        assert_eq!((port.learned, port.learn_refused), (3, 2), "{port:#?}");
        assert_eq!(lab.stats(2).learn_refused, 0);
    });
}

#[test]
fn a_frame_that_both_hooks_see_is_refused_once() {
    require_root!();
    // The first port cannot flood at XDP, because the second takes no XDP frames.
    let lab = Lab::builder(&[HookChoice::Xdp, HookChoice::Tc])
        .port(1, |port| port.learn_limit = 1)
        .build();
    announce(&lab.wires(), 0, 0..4);
    let port = lab.stats(1);
    assert_eq!((port.learned, port.learn_refused), (1, 3), "{port:#?}");
}

#[test]
fn a_bridge_learns_as_many_as_it_may_over_all_ports() {
    require_root!();
    for hooks in hook_mixes(2) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::builder(&hooks).learn_limit(4).build();
        let wires = lab.wires();
        announce(&wires, 0, 0..3);
        announce(&wires, 1, 10..13);
        assert_eq!((known(&lab, 1).len(), known(&lab, 2).len()), (3, 1));
        assert_eq!(lab.stats(2).learn_refused, 2);
        let port = lab.container(1).port.clone();
        lab.bridge(|bridge| bridge.del_port(&port).expect("remove a port"));
        wires[1].send(&frame(MacAddr::BROADCAST, station(20), "hello"));
        wires[1].send(&frame(MacAddr::BROADCAST, station(21), "hello"));
        wires[1].send(&frame(MacAddr::BROADCAST, station(22), "hello"));
        wires[1].send(&frame(MacAddr::BROADCAST, station(23), "hello"));
        let deadline = Instant::now() + netbridge_tests::wire::SOON;
        while lab.stats(2).learn_refused < 3 {
            assert!(Instant::now() < deadline, "{:#?}", lab.stats(2));
            thread::park_timeout(Duration::from_millis(5));
        }
        assert_eq!(known(&lab, 2), [10, 20, 21, 22]);
    }
}

#[test]
fn what_is_removed_makes_room() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 0, 0..5);
        let gone = lab.bridge(|bridge| bridge.del_fdb_entry(station(1)).expect("remove it"));
        assert!(gone, "it was learned");
        announce(wires, 0, [5, 6]);
        assert_eq!(known(lab, 1), [0, 2, 5]);
        lab.bridge(|bridge| bridge.flush_fdb(&netbridge::fdb::Selection::default()))
            .expect("flush");
        announce(wires, 0, 10..15);
        assert_eq!(known(lab, 1), [10, 11, 12]);
    });
}

#[test]
fn who_moves_away_makes_room_and_who_would_move_to_a_full_port_stays() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 1, [20, 21]);
        announce(wires, 0, 0..3);
        announce(wires, 0, [20]);
        assert_eq!(known(lab, 1), [0, 1, 2], "the port is full");
        assert_eq!(known(lab, 2), [20, 21]);
        assert_eq!(lab.stats(1).learn_refused, 1);
        announce(wires, 1, [0]);
        announce(wires, 0, [20, 21]);
        assert_eq!(known(lab, 1), [1, 2, 20]);
        assert_eq!(known(lab, 2), [0, 21]);
    });
}

#[test]
fn entries_that_the_operator_adds_and_removes_leave_the_limits_as_they_were() {
    require_root!();
    for kind in [EntryKind::Dynamic, EntryKind::Static, EntryKind::Sticky] {
        note(format_args!("{kind:?}"));
        let lab = Lab::builder(&[HookChoice::Tc; 2])
            .learn_limit(3)
            .port(1, |port| port.learn_limit = 3)
            .build();
        let port = lab.port_id(1);
        lab.bridge(|bridge| {
            for n in 50..54 {
                bridge.add_fdb_entry(station(n), port, kind).expect("add");
            }
            for n in 50..54 {
                assert!(bridge.del_fdb_entry(station(n)).expect("remove"));
            }
        });
        announce(&lab.wires(), 0, 0..6);
        assert_eq!(known(&lab, 1), [0, 1, 2]);
    }
}

#[test]
fn an_entry_that_the_operator_takes_over_makes_room() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 0, 0..4);
        let port = lab.port_id(1);
        lab.bridge(|bridge| bridge.add_fdb_entry(station(0), port, EntryKind::Static))
            .expect("add");
        announce(wires, 0, 4..6);
        assert_eq!(known(lab, 1), [0, 1, 2, 4]);
    });
}

#[test]
fn a_sticky_entry_that_ages_and_moves_is_counted_where_it_is_learned() {
    require_root!();
    let lab = Lab::builder(&[HookChoice::Tc; 3])
        .ageing_secs(1)
        .learn_limit(2)
        .port(1, |port| port.learn_limit = 1)
        .port(2, |port| port.learn_limit = 1)
        .build();
    let wires = lab.wires();
    let first = lab.port_id(1);
    lab.bridge(|bridge| bridge.add_fdb_entry(station(0), first, EntryKind::Sticky))
        .expect("add");
    let deadline = Instant::now() + Duration::from_secs(5);
    while !lab.fdb().is_empty() {
        assert!(Instant::now() < deadline, "the entry never ages");
        thread::park_timeout(Duration::from_millis(20));
    }
    // Learned on the second port, it takes that one's room, and none comes of it on the first.
    announce(&wires, 1, [0, 1]);
    assert_eq!(known(&lab, 2), [0]);
    announce(&wires, 0, [2, 3]);
    assert_eq!(known(&lab, 1), [2]);
    announce(&wires, 2, [4]);
    assert_eq!(known(&lab, 3), [0_u8; 0], "the bridge is full");
}
