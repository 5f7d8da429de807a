//! Targets that fail or go, and slots that are used again.

use netbridge::{
    bridge::{BridgeChange, Direction, HookChoice, HostInterface, MirrorSource},
    net::Links,
};
use netbridge_tests::{
    frame::{BROADCAST, station},
    require_root,
    topology::{HOOKS, Lab, PortOptions},
    wire::{SILENCE, Wire, frame},
};

use super::{REPEATS, Scene, WATCHER, on_every_scene};

#[test]
fn a_target_that_is_down_changes_nothing() {
    require_root!();
    on_every_scene(|scene| {
        let [one, two] = scene.macs();
        scene.add(&scene.port(1), Direction::Both);
        let links = Links::within(scene.lab.host()).expect("open the interfaces");
        let target = links.by_name(&scene.lab.container(WATCHER).port);
        let target = target.expect("find the target").ifindex;
        links.set_up(target, false).expect("set the target down");
        scene.pass(1, (two, one), "out", &[0, 1, 0]);
        scene.pass(2, (one, two), "back", &[1, 0, 0]);
        let watcher = scene.lab.stats(WATCHER);
        assert_eq!(watcher.mirrored, 0, "{watcher:#?}");
        assert_eq!(watcher.dropped.total, 2 * REPEATS as u64, "{watcher:#?}");
        for n in [1, 2] {
            let port = scene.lab.stats(n);
            assert_eq!(port.dropped.total, 0, "{port:#?}");
            assert_eq!(port.rx.frames, port.forwarded + port.flooded);
        }
        links.set_up(target, true).expect("set the target up");
        scene.pass(1, (two, one), "again", &[0, 1, 1]);
    });
}

#[test]
fn a_target_of_a_smaller_mtu_changes_nothing() {
    require_root!();
    for hook in HOOKS {
        let small = |port: &mut PortOptions| port.mtu = Some(600);
        let builder = Lab::builder(&[hook; WATCHER]).mixed_mtu();
        let scene = Scene::of(builder.port(WATCHER, small).build());
        let [one, two] = scene.macs();
        scene.add(&scene.port(1), Direction::Both);
        let large = frame(two, one, &"large ".repeat(200));
        scene.wires[0].send(&large);
        scene.wires[1].expect_once(&large);
        assert_eq!(scene.lab.drops(WATCHER, "too_big"), 1);
        scene.pass(1, (two, one), "small", &[0, 1, 1]);
    }
}

#[test]
fn the_host_can_watch() {
    require_root!();
    on_every_scene(|scene| {
        let [one, two] = scene.macs();
        let host = scene.lab.bridge(|bridge| {
            let host = bridge.add_host_interface(&HostInterface::default());
            let host = host.expect("add the host's interface").ifname;
            let source = scene.port(1);
            bridge
                .add_mirror(&source, Direction::Both, &host)
                .expect("add a mirror");
            host
        });
        let wire = Wire::open(scene.lab.host(), "br0");
        for (from, to) in [(1, (two, one)), (2, (one, two))] {
            let seen = frame(to.0, to.1, "seen by the host");
            scene.wires[from - 1].send(&seen);
            scene.wires[2 - from].expect_once(&seen);
            wire.expect_once(&seen);
        }
        assert_eq!(scene.lab.stats_of(&host).mirrored, 2);
        for (n, mac) in [(1, one), (2, two)] {
            let entry = scene.lab.entry(mac).expect("is learned");
            assert_eq!(entry.port, scene.lab.port_id(n));
        }
        scene.lab.assert_no_drops();
        scene.lab.assert_accounts();
    });
}

fn mirrors(lab: &Lab) -> usize {
    lab.bridge(|bridge| bridge.mirrors().expect("list the mirrors").len())
}

fn filter(lab: &Lab, on: bool) {
    let change = BridgeChange {
        vlan_filtering: Some(on),
        ..BridgeChange::default()
    };
    lab.bridge(|bridge| bridge.change(&change).expect("filter"));
}

/// Mirrors everything to port `WATCHER`, in both ways of marking.
fn mirror_all(scene: &Scene) {
    for source in [scene.port(1), scene.port(2), MirrorSource::Vlan(10)] {
        scene.add(&source, Direction::Both);
    }
}

#[test]
fn no_port_inherits_a_mirror() {
    require_root!();
    for hook in HOOKS {
        for vanish in [false, true] {
            inherit(hook, vanish);
        }
    }
}

fn inherit(hook: HookChoice, vanish: bool) {
    let options = PortOptions {
        hook,
        ..PortOptions::default()
    };
    let mut scene = Scene::new(&[hook; WATCHER]);
    filter(&scene.lab, true);
    mirror_all(&scene);
    assert_eq!(mirrors(&scene.lab), 3);
    let (slot, ifname) = {
        let watcher = scene.lab.container(WATCHER);
        (scene.lab.port_id(WATCHER), watcher.port.clone())
    };
    if vanish {
        let links = Links::within(scene.lab.host()).expect("open the interfaces");
        let link = links.by_name(&ifname).expect("find the target");
        links.delete(link.ifindex).expect("remove the target");
        scene
            .lab
            .bridge(|bridge| bridge.reconcile().expect("reconcile"));
    } else {
        scene
            .lab
            .bridge(|bridge| bridge.del_port(&ifname).expect("remove the port"));
    }
    assert_eq!(mirrors(&scene.lab), 0);
    scene.lab.add_container(&options);
    assert_eq!(
        scene.lab.port_id(WATCHER + 1),
        slot,
        "the slot is used again"
    );
    let wire = scene.lab.container(WATCHER + 1).wire();
    let [one, two] = scene.macs();
    for filtering in [true, false] {
        filter(&scene.lab, filtering);
        scene.announce();
        wire.expect_no(|_| false, SILENCE);
        scene.pass(1, (two, one), "out", &[0, 1, 0]);
        wire.expect_silence(SILENCE);
    }
    // A source that goes takes its mirror along, too.
    let to = scene.lab.container(2).port.clone();
    let source = MirrorSource::Port(scene.lab.container(WATCHER + 1).port.clone());
    scene.lab.bridge(|bridge| {
        bridge
            .add_mirror(&source, Direction::Both, &to)
            .expect("mirror the new port");
        let MirrorSource::Port(ifname) = &source else {
            return;
        };
        bridge.del_port(ifname).expect("remove the source");
    });
    assert_eq!(mirrors(&scene.lab), 0);
    scene.lab.add_container(&options);
    let last = scene.lab.container(WATCHER + 2).wire();
    let hello = frame(one, station(5), "hello");
    last.send(&hello);
    scene.wires[0].expect_once(&hello);
    scene.wires[1].expect_no(|received| received == hello, SILENCE);
    scene.wires[0].send(&frame(BROADCAST, one, "all"));
    scene.wires[1].expect_once(&frame(BROADCAST, one, "all"));
}
