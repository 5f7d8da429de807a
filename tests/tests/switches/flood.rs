//! Who takes part in floods: `flood`, `mcast_flood`, `bcast_flood`, and the bridge's own `flood`.

use netbridge::bridge::BridgeChange;
use netbridge_common::{MacAddr, PortFlags};
use netbridge_tests::{
    require_root,
    topology::{Lab, on_every_mix},
    wire::frame,
};

use super::{FAR, MULTICAST, NEAR, NOBODY, announce, goes, switch, warm};

/// Kinds of floods, and the switch against each.
const KINDS: [(MacAddr, PortFlags); 3] = [
    (NOBODY, PortFlags::NO_FLOOD),
    (MULTICAST, PortFlags::NO_MCAST_FLOOD),
    (MacAddr::BROADCAST, PortFlags::NO_BCAST_FLOOD),
];

#[test]
fn each_switch_keeps_its_own_kind_of_flood_off_a_port() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 2, FAR, &[1, 3]);
        let known = frame(FAR, NEAR, "known");
        warm(wires, 1, &known, 2);
        for (_, flag) in KINDS {
            switch(lab, 2, flag, true);
            let before = lab.stats(2).tx.frames;
            for (dst, other) in KINDS {
                let to: &[usize] = if flag == other { &[3] } else { &[2, 3] };
                goes(wires, 1, &frame(dst, NEAR, "flood"), to);
            }
            assert_eq!(lab.stats(2).tx.frames - before, 2);
            // Frames from the port, and for a known station on it, are none of its business.
            goes(
                wires,
                2,
                &frame(MacAddr::BROADCAST, FAR, "from it"),
                &[1, 3],
            );
            goes(wires, 1, &known, &[2]);
            switch(lab, 2, flag, false);
        }
        for (_, flag) in KINDS {
            switch(lab, 2, flag, true);
        }
        for (dst, _) in KINDS {
            goes(wires, 1, &frame(dst, NEAR, "flood"), &[3]);
        }
        goes(wires, 1, &known, &[2]);
        // A station that is forgotten is unknown from the next frame.
        let gone = lab.bridge(|bridge| bridge.del_fdb_entry(FAR).expect("remove it"));
        assert!(gone, "it was there");
        goes(wires, 1, &known, &[3]);
        lab.assert_no_drops();
    });
}

#[test]
fn a_bridge_that_does_not_flood_drops_what_is_for_nobody_known() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, 2, FAR, &[1, 3]);
        let (known, unknown) = (frame(FAR, NEAR, "known"), frame(NOBODY, NEAR, "unknown"));
        warm(wires, 1, &known, 2);
        goes(wires, 1, &unknown, &[2, 3]);
        flood(lab, false);
        goes(wires, 1, &unknown, &[]);
        goes(wires, 1, &known, &[2]);
        for dst in [MULTICAST, MacAddr::BROADCAST] {
            goes(wires, 1, &frame(dst, NEAR, "to many"), &[2, 3]);
        }
        assert_eq!(lab.drops(1, "flood_off"), 1);
        assert!(lab.entry(NEAR).is_some(), "its sender was learned");
        let gone = lab.bridge(|bridge| bridge.del_fdb_entry(FAR).expect("remove it"));
        assert!(gone, "it was there");
        goes(wires, 1, &known, &[]);
        assert_eq!(lab.drops(1, "flood_off"), 2);
        assert_eq!(lab.stats(1).dropped.total, 2);
        flood(lab, true);
        goes(wires, 1, &unknown, &[2, 3]);
    });
}

fn flood(lab: &Lab, on: bool) {
    let change = BridgeChange {
        flood: Some(on),
        ..BridgeChange::default()
    };
    lab.bridge(|bridge| bridge.change(&change).expect("change the bridge"));
}
