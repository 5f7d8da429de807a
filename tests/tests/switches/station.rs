//! What a source may do: `locked` and `learning`; and blackholes.

use netbridge::{bridge::BridgeChange, fdb::EntryKind};
use netbridge_common::{MacAddr, Mode, PortFlags, PortId};
use netbridge_tests::{
    require_root,
    topology::{Lab, on_every_mix},
    wire::frame,
};

use super::{FAR, NEAR, NOBODY, announce, goes, switch, warm};

fn add(lab: &Lab, mac: MacAddr, port: PortId, kind: EntryKind) {
    lab.bridge(|bridge| bridge.add_fdb_entry(mac, port, kind))
        .expect("add an entry");
}

fn remove(lab: &Lab, mac: MacAddr) {
    let gone = lab.bridge(|bridge| bridge.del_fdb_entry(mac).expect("remove an entry"));
    assert!(gone, "there was no entry of {mac}");
}

#[test]
fn a_locked_port_takes_frames_only_from_whom_the_fdb_has_there() {
    require_root!();
    on_every_mix(|lab, wires| {
        let (one, two) = (lab.port_id(1), lab.port_id(2));
        announce(wires, 1, NEAR, &[2, 3]);
        announce(wires, 2, FAR, &[1, 3]);
        let known = frame(FAR, NEAR, "known");
        warm(wires, 1, &known, 2);
        switch(lab, 1, PortFlags::LOCKED, true);
        goes(wires, 1, &known, &[2]);
        // A stranger, to whomever; then the address of somebody else.
        for dst in [FAR, NOBODY, MacAddr::BROADCAST] {
            goes(wires, 1, &frame(dst, NOBODY, "stranger"), &[]);
        }
        assert!(lab.entry(NOBODY).is_none(), "a stranger was learned");
        goes(wires, 1, &frame(MacAddr::BROADCAST, FAR, "thief"), &[]);
        assert_eq!(lab.entry(FAR).expect("an entry").port, two);
        assert_eq!(lab.drops(1, "locked"), 4);
        let port = lab.stats(1);
        assert_eq!((port.learned, port.learn_refused), (1, 0), "{port:#?}");
        // Everybody may still speak to whom is there.
        goes(wires, 2, &frame(NEAR, FAR, "to it"), &[1]);
        goes(wires, 2, &frame(MacAddr::BROADCAST, FAR, "to it"), &[1, 3]);
        // The operator lets somebody in, and out again.
        for kind in [EntryKind::Static, EntryKind::Sticky, EntryKind::Dynamic] {
            let guest = frame(FAR, NOBODY, "guest");
            add(lab, NOBODY, one, kind);
            warm(wires, 1, &guest, 2);
            remove(lab, NOBODY);
            goes(wires, 1, &guest, &[]);
        }
        add(lab, NOBODY, two, EntryKind::Static);
        goes(wires, 1, &frame(FAR, NOBODY, "elsewhere"), &[]);
        add(lab, NOBODY, PortId::NONE, EntryKind::Blackhole);
        goes(wires, 1, &frame(FAR, NOBODY, "nowhere"), &[]);
        assert_eq!(lab.drops(1, "locked"), 9);
        // A station that has gone elsewhere is no longer let in.
        warm(wires, 1, &known, 2);
        announce(wires, 3, NEAR, &[1, 2]);
        goes(wires, 1, &known, &[]);
        assert_eq!(lab.entry(NEAR).expect("an entry").port, lab.port_id(3));
        assert_eq!(lab.drops(1, "locked"), 10);
        switch(lab, 1, PortFlags::LOCKED, false);
        goes(wires, 1, &known, &[2]);
        assert_eq!(lab.entry(NEAR).expect("an entry").port, one);
    });
}

#[test]
fn a_hub_keeps_strangers_out_of_a_locked_port_too() {
    require_root!();
    on_every_mix(|lab, wires| {
        let change = BridgeChange {
            mode: Some(Mode::Hub),
            ..BridgeChange::default()
        };
        lab.bridge(|bridge| bridge.change(&change).expect("change the bridge"));
        switch(lab, 1, PortFlags::LOCKED, true);
        let hello = frame(MacAddr::BROADCAST, NEAR, "hello");
        goes(wires, 1, &hello, &[]);
        assert_eq!(lab.drops(1, "locked"), 1);
        add(lab, NEAR, lab.port_id(1), EntryKind::Static);
        goes(wires, 1, &hello, &[2, 3]);
    });
}

#[test]
fn a_port_that_does_not_learn_changes_no_entry() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 2, FAR, &[1, 3]);
        switch(lab, 1, PortFlags::NO_LEARNING, true);
        let known = frame(FAR, NEAR, "known");
        warm(wires, 1, &known, 2);
        assert!(lab.entry(NEAR).is_none(), "it was learned");
        goes(wires, 2, &frame(NEAR, FAR, "unknown"), &[1, 3]);
        // An address of another port's station goes through, and stays where it was.
        goes(wires, 1, &frame(MacAddr::BROADCAST, FAR, "thief"), &[2, 3]);
        assert_eq!(lab.entry(FAR).expect("an entry").port, lab.port_id(2));
        goes(wires, 1, &known, &[2]);
        let port = lab.stats(1);
        assert_eq!((port.learned, port.learn_refused), (0, 0), "{port:#?}");
        switch(lab, 1, PortFlags::NO_LEARNING, false);
        goes(wires, 1, &known, &[2]);
        assert_eq!(lab.entry(NEAR).expect("an entry").port, lab.port_id(1));
        goes(wires, 2, &frame(NEAR, FAR, "known"), &[1]);
        // What was learned before stays, and is not refreshed nor moved.
        switch(lab, 2, PortFlags::NO_LEARNING, true);
        goes(wires, 2, &frame(MacAddr::BROADCAST, NEAR, "thief"), &[1, 3]);
        assert_eq!(lab.entry(NEAR).expect("an entry").port, lab.port_id(1));
        lab.assert_no_drops();
    });
}

#[test]
fn frames_for_a_blackhole_are_dropped_wherever_they_come_from() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 1, NEAR, &[2, 3]);
        announce(wires, 2, FAR, &[1, 3]);
        let known = frame(FAR, NEAR, "known");
        warm(wires, 1, &known, 2);
        add(lab, FAR, PortId::NONE, EntryKind::Blackhole);
        goes(wires, 1, &known, &[]);
        goes(wires, 3, &frame(FAR, NOBODY, "known"), &[]);
        // Its own frames pass, and do not bring it back.
        goes(wires, 2, &frame(NEAR, FAR, "from it"), &[1]);
        goes(
            wires,
            2,
            &frame(MacAddr::BROADCAST, FAR, "from it"),
            &[1, 3],
        );
        let port = lab.stats(2);
        assert_eq!((port.learned, port.learn_refused), (1, 2), "{port:#?}");
        goes(wires, 1, &known, &[]);
        goes(wires, 2, &frame(FAR, FAR, "to itself"), &[]);
        let drops = [1, 2, 3].map(|n| lab.drops(n, "blackhole"));
        assert_eq!(drops, [2, 1, 1]);
        remove(lab, FAR);
        goes(wires, 1, &known, &[2, 3]);
        announce(wires, 2, FAR, &[1, 3]);
        goes(wires, 1, &known, &[2]);
    });
}
