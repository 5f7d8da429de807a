//! Frames that steer bridges, and raw frames past isolation.

use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::{MAC_CONTROL, reserved},
    require_root,
    wire::{frame, typed_frame},
};

use super::{FRIEND, MALLORY, VICTIM, on_both_hooks};

#[test]
fn bridge_protocol_frames_never_get_through() {
    require_root!();
    on_both_hooks(|scene| {
        // A configuration BPDU with the best priority that there is (802.1D 9.3.1).
        let mut bpdu = vec![0x42, 0x42, 0x03, 0, 0, 0, 0, 0];
        bpdu.resize(38, 0);
        let length = u16::try_from(bpdu.len()).expect("a short frame");
        for last in 0..16 {
            let frame = typed_frame(reserved(last), MALLORY, length, &bpdu);
            scene.comes(0, &frame, &[]);
        }
        let pause = typed_frame(VICTIM, MALLORY, MAC_CONTROL, &[0, 1, 0xff, 0xff]);
        scene.comes(0, &pause, &[]);
        assert_eq!(scene.caught("reserved_group"), 17);
        scene.victim_is_well();
    });
}

#[test]
fn isolated_ports_are_out_of_reach_for_any_frame() {
    require_root!();
    on_both_hooks(|scene| {
        let frames = || {
            let raw = |dst, ethertype| typed_frame(dst, MALLORY, ethertype, b"raw");
            [
                frame(VICTIM, MALLORY, "known"),
                raw(VICTIM, 0x0800),
                raw(VICTIM, 0x0806),
                raw(VICTIM, 0x8100),
                raw(VICTIM, 0x0000),
                raw(VICTIM, 0xffff),
            ]
        };
        for frame in frames() {
            scene.comes(0, &frame, &[1]);
        }
        scene.operator("port set br0 v1 --isolated on");
        scene.operator("port set br0 v2 --isolated on");
        for frame in frames() {
            scene.comes(0, &frame, &[]);
        }
        assert_eq!(scene.caught("isolated"), 6);
        // Unknown, a group, everybody: only whom it may reach.
        let nobody = MacAddr([0x02, 0, 0, 0, 0, 0x99]);
        let group = MacAddr([0x01, 0, 0x5e, 1, 2, 3]);
        for dst in [nobody, group, MacAddr::BROADCAST] {
            scene.comes(0, &frame(dst, MALLORY, "flood"), &[2]);
        }
        scene.comes(0, &frame(FRIEND, MALLORY, "allowed"), &[2]);
        scene.victim_is_well();
    });
}
