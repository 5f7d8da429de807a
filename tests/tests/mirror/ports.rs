//! Mirrors of ports, by direction and by kind of frame.

use netbridge::bridge::{Direction, PortChange};
use netbridge_common::PortState;
use netbridge_tests::{
    frame::{BROADCAST, station},
    require_root,
    topology::{Lab, PAIRINGS},
    traffic::{checksum_errors, ping, tcp},
};

use super::{REPEATS, Scene, WATCHER, on_every_scene};

#[test]
fn unicast_is_seen_by_direction_and_arrives_as_ever() {
    require_root!();
    on_every_scene(|scene| {
        let [one, two] = scene.macs();
        let source = scene.port(1);
        let copies = |(out, back): (usize, usize)| {
            scene.pass(1, (two, one), "out", &[0, 1, out]);
            scene.pass(2, (one, two), "back", &[1, 0, back]);
        };
        copies((0, 0));
        for (direction, seen) in [
            (Direction::Ingress, (1, 0)),
            (Direction::Egress, (0, 1)),
            (Direction::Both, (1, 1)),
        ] {
            scene.add(&source, direction);
            copies(seen);
            scene.del(&source, direction);
            copies((0, 0));
        }
        // Between the ends of a mirrored path it is seen twice.
        scene.add(&source, Direction::Ingress);
        scene.add(&scene.port(2), Direction::Egress);
        copies((2, 0));
        let watcher = scene.lab.stats(WATCHER);
        assert_eq!(watcher.mirrored, 6 * REPEATS as u64, "{watcher:#?}");
        // The first frame of all was a flood.
        assert_eq!((watcher.tx.frames, watcher.learned), (1, 0), "{watcher:#?}");
        for (n, mac) in [(1, one), (2, two)] {
            let entry = scene.lab.entry(mac).expect("is learned");
            assert_eq!(entry.port, scene.lab.port_id(n));
        }
        scene.lab.assert_no_drops();
        scene.lab.assert_accounts();
    });
}

#[test]
fn floods_are_seen_copy_by_copy() {
    require_root!();
    on_every_scene(|scene| {
        let [one, two] = scene.macs();
        let source = scene.port(1);
        for dst in [BROADCAST, station(77)] {
            scene.add(&source, Direction::Ingress);
            scene.pass(1, (dst, one), "in", &[0, 1, 2]);
            scene.pass(2, (dst, two), "other", &[1, 0, 1]);
            scene.del(&source, Direction::Both);
            scene.add(&source, Direction::Egress);
            scene.pass(1, (dst, one), "in", &[0, 1, 1]);
            scene.pass(2, (dst, two), "out", &[1, 0, 2]);
            scene.del(&source, Direction::Both);
            scene.pass(2, (dst, two), "off", &[1, 0, 1]);
        }
        scene.lab.assert_no_drops();
        scene.lab.assert_accounts();
    });
}

#[test]
fn dropped_frames_are_seen_as_they_come_in() {
    require_root!();
    on_every_scene(|scene| {
        let [one, two] = scene.macs();
        scene.add(&scene.port(1), Direction::Both);
        let change = PortChange {
            state: Some(PortState::Disabled),
            ..PortChange::default()
        };
        let ifname = &scene.lab.container(1).port;
        scene
            .lab
            .bridge(|bridge| bridge.change_port(ifname, &change).expect("disable"));
        let before = scene.lab.drops(1, "port_disabled");
        scene.pass(1, (two, one), "dropped", &[0, 0, 1]);
        scene.pass(1, (BROADCAST, one), "dropped", &[0, 0, 1]);
        let dropped = scene.lab.drops(1, "port_disabled") - before;
        assert_eq!(dropped, 2 * REPEATS as u64);
        scene.lab.assert_accounts();
    });
}

#[test]
fn ports_may_be_mirrored_to_each_other() {
    require_root!();
    on_every_scene(|scene| {
        let [one, two] = scene.macs();
        let (first, last) = (&scene.port(1), &scene.port(WATCHER));
        scene.add(first, Direction::Both);
        let to = &scene.lab.container(1).port;
        scene.lab.bridge(|bridge| {
            bridge
                .add_mirror(last, Direction::Both, to)
                .expect("mirror the watcher");
        });
        scene.pass(1, (two, one), "out", &[0, 1, 1]);
        scene.pass(2, (one, two), "back", &[1, 0, 1]);
        scene.pass(WATCHER, (two, station(3)), "watch", &[1, 1, 0]);
        scene.lab.assert_no_drops();
        scene.lab.assert_accounts();
    });
}

#[test]
fn streams_are_whole_while_they_are_mirrored() {
    require_root!();
    for pairing in PAIRINGS {
        for watcher in [pairing[0], pairing[1]] {
            let scene = Scene::of(Lab::new(&[pairing[0], pairing[1], watcher]));
            scene.add(&scene.port(1), Direction::Both);
            let before = [1, WATCHER].map(|n| scene.lab.stats(n));
            let ends = [1, 2].map(|n| scene.lab.container(n));
            for (from, to) in [(0, 1), (1, 0)] {
                tcp(&ends[from].netns, &ends[to].netns, ends[to].ip, 4_000_000);
                let pings = ping(&ends[from].netns, ends[to].ip, 5);
                assert!(pings.all_answered(), "{pings:?}");
            }
            for end in ends {
                assert_eq!(checksum_errors(&end.netns), 0, "{}", end.port);
            }
            let [port, target] = [1, WATCHER].map(|n| scene.lab.stats(n));
            let passed =
                port.rx.frames + port.tx.frames - before[0].rx.frames - before[0].tx.frames;
            // A copy may be lost where the CPU's backlog is full, and then is counted so.
            let copies = target.mirrored + target.dropped.reasons["redirect_failed"];
            assert_eq!(copies - before[1].mirrored, passed, "{target:#?}");
            assert!(target.mirrored > 5000, "{target:#?}");
            assert_eq!(port.dropped.total, 0, "{port:#?}");
        }
    }
}
