//! Out of one VLAN into another.

use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::{Frame, SVLAN, VLAN},
    require_root,
};

use super::{MALLORY, Scene, VICTIM, on_both_hooks};

/// Mallory in VLAN 10, the victim in VLAN 20, and a trunk with both to the friend.
fn separate(scene: &Scene) {
    for words in [
        "bridge set br0 --vlan-filtering on",
        "vlan add br0 v1 10 --pvid --untagged",
        "vlan del br0 v1 1",
        "vlan add br0 v2 20 --pvid --untagged",
        "vlan del br0 v2 1",
        "vlan add br0 v3 10 20",
        "vlan del br0 v3 1",
    ] {
        scene.operator(words);
    }
}

#[test]
fn no_tag_leads_into_another_vlan() {
    require_root!();
    on_both_hooks(|scene| {
        let to = |dst| Frame::new(dst, MALLORY);
        scene.comes(0, &to(VICTIM).of_len(60), &[1]);
        separate(scene);
        let mut refused = 0;
        for dst in [VICTIM, MacAddr::BROADCAST] {
            // Tagged for the victim's VLAN, whatever is behind, with any priority.
            for tci in [20, 0xe014, 0x1014] {
                scene.comes(0, &to(dst).tag(VLAN, tci).of_len(64), &[]);
                scene.comes(0, &to(dst).tag(VLAN, tci).tag(VLAN, 10).of_len(68), &[]);
                refused += 2;
            }
        }
        assert_eq!(scene.caught("vlan_not_member"), refused);
        scene.comes(0, &to(VICTIM).tag(VLAN, 0xfff).of_len(64), &[]);
        assert_eq!(scene.caught("vlan_reserved"), 1);
    });
}

#[test]
fn a_second_tag_is_never_taken_for_the_first() {
    require_root!();
    on_both_hooks(|scene| {
        separate(scene);
        let to = |dst| Frame::new(dst, MALLORY);
        // Double tags: the own VLAN in front, the victim's behind it. It leaves by the trunk in VLAN 10
        // with the inner tag untouched, and the victim sees nothing of it.
        let double = to(MacAddr::BROADCAST)
            .tag(VLAN, 10)
            .tag(VLAN, 20)
            .of_len(68);
        scene.comes(0, &double, &[2]);
        // A priority tag in front: the PVID's VLAN, and what is behind is payload.
        scene.wires[0].send(&to(MacAddr::BROADCAST).tag(VLAN, 0).tag(VLAN, 20).of_len(68));
        let seen = scene.wires[2].expect(|frame| frame.len() == 68, netbridge_tests::wire::SOON);
        assert_eq!(seen[12..20], [0x81, 0, 0, 10, 0x81, 0, 0, 20]);
        // A service tag is no tag of this bridge's: the frame is untagged, in VLAN 10.
        scene.wires[0].send(&to(MacAddr::BROADCAST).tag(SVLAN, 20).of_len(64));
        let seen = scene.wires[2].expect(|frame| frame.len() == 68, netbridge_tests::wire::SOON);
        assert_eq!(seen[12..20], [0x81, 0, 0, 10, 0x88, 0xa8, 0, 20]);
        scene.wires[1].expect_no(|_| true, netbridge_tests::wire::SILENCE);
    });
}

#[test]
fn an_access_port_may_refuse_all_tags() {
    require_root!();
    on_both_hooks(|scene| {
        separate(scene);
        scene.operator("port set br0 v1 --accept-frames untagged");
        let broadcast = Frame::new(MacAddr::BROADCAST, MALLORY);
        for frame in [
            broadcast.clone().tag(VLAN, 10).of_len(64),
            broadcast.clone().tag(VLAN, 10).tag(VLAN, 20).of_len(68),
        ] {
            scene.comes(0, &frame, &[]);
        }
        assert_eq!(scene.caught("vlan_tagged"), 2);
    });
}
