//! Reserved groups that are relayed all the same: `group_fwd_mask` of a port and of the bridge.

use netbridge::bridge::{BridgeChange, PortChange};
use netbridge_common::{MacAddr, PortFlags};
use netbridge_tests::{
    frame::{MAC_CONTROL, reserved},
    require_root,
    topology::{Lab, on_every_mix},
    wire::{Wire, frame, typed_frame},
};

use super::{NEAR, goes, switch};

/// The bit of LLDP, 01:80:c2:00:00:0e.
const LLDP: u16 = 1 << 14;
/// All bits that may be set.
const ALL: u16 = 0xfff8;

/// Sets the mask of port 1, and of the bridge; says whether both were taken.
fn set(lab: &Lab, port: Option<u16>, bridge: Option<u16>) -> bool {
    let ifname = &lab.container(1).port;
    lab.bridge(|open| {
        let change = PortChange {
            group_fwd_mask: port,
            ..PortChange::default()
        };
        let taken = open.change_port(ifname, &change).is_ok();
        let change = BridgeChange {
            group_fwd_mask: bridge,
            ..BridgeChange::default()
        };
        open.change(&change).is_ok() && taken
    })
}

/// Sends a frame to each reserved group from port 1; returns those that came to the others.
fn relayed(wires: &[Wire], may: impl Fn(u8) -> bool) {
    for last in 0..16 {
        let to: &[usize] = if may(last) { &[2, 3] } else { &[] };
        goes(wires, 1, &frame(reserved(last), NEAR, "reserved"), to);
    }
}

#[test]
fn masks_let_groups_through_that_are_named_and_no_others() {
    require_root!();
    on_every_mix(|lab, wires| {
        assert!(set(lab, Some(LLDP), None));
        relayed(wires, |last| last == 14);
        assert_eq!(lab.drops(1, "reserved_group"), 15);
        // The port's mask is that of frames from it.
        goes(wires, 2, &frame(reserved(14), NEAR, "from another"), &[]);
        assert!(set(lab, Some(0), Some(LLDP)));
        relayed(wires, |last| last == 14);
        goes(
            wires,
            2,
            &frame(reserved(14), NEAR, "from another"),
            &[1, 3],
        );
        assert!(set(lab, Some(ALL), Some(ALL)));
        relayed(wires, |last| last > 2);
        let pause = [0x00, 0x01, 0xff, 0xff];
        for dst in [reserved(1), reserved(14), MacAddr::BROADCAST] {
            goes(wires, 1, &typed_frame(dst, NEAR, MAC_CONTROL, &pause), &[]);
        }
        // They are multicast, and go where it goes.
        switch(lab, 2, PortFlags::NO_MCAST_FLOOD, true);
        goes(wires, 1, &frame(reserved(14), NEAR, "lldp"), &[3]);
        switch(lab, 2, PortFlags::NO_MCAST_FLOOD, false);
        assert!(set(lab, Some(0), Some(0)));
        goes(wires, 1, &frame(reserved(14), NEAR, "lldp"), &[]);
    });
}

#[test]
fn masks_with_spanning_tree_pause_or_lacp_are_refused_and_change_nothing() {
    require_root!();
    on_every_mix(|lab, wires| {
        assert!(set(lab, Some(LLDP), Some(LLDP)));
        for bit in 0..3 {
            assert!(!set(lab, Some(ALL | 1 << bit), None));
            assert!(!set(lab, None, Some(ALL | 1 << bit)));
        }
        relayed(wires, |last| last == 14);
    });
}
