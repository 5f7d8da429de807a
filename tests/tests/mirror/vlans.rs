//! Mirrors of VLANs, and the tags that copies have.

use netbridge::bridge::{BridgeChange, Direction, Membership, MirrorSource};
use netbridge_common::MacAddr;
use netbridge_tests::{
    frame::{BROADCAST, Frame, VLAN},
    require_root,
    wire::{SILENCE, SOON, TEST_ETHERTYPE},
};

use super::{REPEATS, Scene, WATCHER, on_every_scene};

const TEN: MirrorSource = MirrorSource::Vlan(10);

/// A frame with a tag of VLAN `vid`, or without one for 0.
fn tagged((dst, src): (MacAddr, MacAddr), vid: u16, text: &str) -> Vec<u8> {
    let mut frame = Frame::new(dst, src);
    if vid != 0 {
        frame = frame.tag(VLAN, vid);
    }
    let mut payload = text.as_bytes().to_vec();
    payload.resize(50, 0);
    frame.raw(TEST_ETHERTYPE, &payload)
}

/// Port 1 is an access port of VLAN 10, port 2 a trunk with 10 and 20; the watcher is in neither.
fn filter(scene: &Scene) {
    let change = BridgeChange {
        vlan_filtering: Some(true),
        ..BridgeChange::default()
    };
    let ports = [1, 2].map(|n| &scene.lab.container(n).port);
    let access = Membership {
        pvid: true,
        untagged: true,
    };
    scene.lab.bridge(|bridge| {
        bridge.change(&change).expect("filter");
        bridge
            .add_vlans(ports[0], &[10..=10], access)
            .expect("access");
        bridge.del_vlans(ports[0], &[1..=1]).expect("leave VLAN 1");
        let trunk = Membership::default();
        bridge
            .add_vlans(ports[1], &[10..=10], trunk)
            .expect("trunk");
        bridge
            .add_vlans(ports[1], &[20..=20], trunk)
            .expect("trunk");
        bridge.del_vlans(ports[1], &[1..=1]).expect("leave VLAN 1");
    });
}

/// Sends a frame several times from port `from`; asserts with which tags it is seen by the watcher
/// each time, and whether it arrives at the other port.
fn seen(scene: &Scene, from: usize, to: (MacAddr, MacAddr), vid: u16, tags: &[u16]) {
    let texts: Vec<String> = (0..REPEATS).map(|n| format!("{from} {vid} {n}")).collect();
    for text in &texts {
        scene.wires[from - 1].send(&tagged(to, vid, text));
    }
    let watcher = &scene.wires[WATCHER - 1];
    for text in &texts {
        for tag in tags {
            let expected = tagged(to, *tag, text);
            watcher.expect(|frame| frame == expected, SOON);
        }
    }
    let marks: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    let ours = |frame: &[u8]| {
        let has = |mark: &Vec<u8>| frame.windows(mark.len()).any(|part| part == mark);
        marks.iter().any(has)
    };
    watcher.expect_no(ours, SILENCE);
}

#[test]
fn a_vlan_is_seen_as_its_frames_come_and_leave() {
    require_root!();
    on_every_scene(|scene| {
        filter(scene);
        let [one, two] = scene.macs();
        seen(scene, 1, (BROADCAST, one), 0, &[]);
        seen(scene, 2, (BROADCAST, two), 10, &[]);
        scene.add(&TEN, Direction::Ingress);
        seen(scene, 1, (two, one), 0, &[0]);
        seen(scene, 2, (one, two), 10, &[10]);
        seen(scene, 1, (BROADCAST, one), 0, &[0]);
        scene.add(&TEN, Direction::Egress);
        seen(scene, 1, (two, one), 0, &[0, 10]);
        seen(scene, 2, (one, two), 10, &[10, 0]);
        seen(scene, 1, (BROADCAST, one), 0, &[0, 10]);
        seen(scene, 2, (BROADCAST, two), 10, &[10, 0]);
        scene.del(&TEN, Direction::Ingress);
        seen(scene, 1, (two, one), 0, &[10]);
        seen(scene, 2, (BROADCAST, two), 10, &[0]);
        // Another VLAN is none of it; nor is a frame that is not admitted, save for its port's mirror.
        seen(scene, 2, (BROADCAST, two), 20, &[]);
        scene.add(&TEN, Direction::Both);
        seen(scene, 1, (two, one), 30, &[]);
        scene.add(&scene.port(1), Direction::Ingress);
        seen(scene, 1, (two, one), 30, &[30]);
        // One copy as it comes in, whichever mirror it is for.
        seen(scene, 1, (two, one), 0, &[0, 10]);
        seen(scene, 1, (BROADCAST, one), 0, &[0, 10]);
        scene.lab.assert_accounts();
        // The bridge forgets its VLANs, and with them what is in one.
        let change = BridgeChange {
            vlan_filtering: Some(false),
            ..BridgeChange::default()
        };
        scene.del(&scene.port(1), Direction::Both);
        scene
            .lab
            .bridge(|bridge| bridge.change(&change).expect("stop filtering"));
        seen(scene, 1, (BROADCAST, one), 0, &[0]);
    });
}

#[test]
fn what_leaves_a_port_is_seen_with_the_tag_that_it_leaves_with() {
    require_root!();
    on_every_scene(|scene| {
        filter(scene);
        let [one, two] = scene.macs();
        scene.add(&scene.port(2), Direction::Egress);
        for dst in [two, BROADCAST] {
            seen(scene, 1, (dst, one), 0, &[10]);
        }
        scene.add(&scene.port(1), Direction::Egress);
        for dst in [one, BROADCAST] {
            seen(scene, 2, (dst, two), 10, &[0]);
        }
        scene.lab.assert_accounts();
    });
}
