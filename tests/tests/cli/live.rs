//! Changes by commands that have ended, felt by frames that come after.

use netbridge_tests::{
    require::note,
    require_root,
    traffic::{ping, tcp},
    wire::{Wire, expect_delivery, frame},
};

use super::{HOOKS, STRANGER, Scene, announce, eventually, station};

/// Sends a frame for the stranger, who is behind the second wire, from the first.
fn send_to_stranger(wires: &[Wire], text: &str, heard_by_all: bool) {
    let unicast = frame(STRANGER, station(1), text);
    wires[0].send(&unicast);
    if heard_by_all {
        expect_delivery(&unicast, &[&wires[1], &wires[2]], &[&wires[0]]);
    } else {
        expect_delivery(&unicast, &[&wires[1]], &[&wires[0], &wires[2]]);
    }
}

#[test]
fn a_change_of_mode_takes_effect_at_once_and_back() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = Scene::new(3, hook);
        let wires = scene.wires();
        announce(&wires, 1, STRANGER);
        send_to_stranger(&wires, "through a bridge", false);
        scene.host.ok(&["bridge", "set", "br0", "--mode", "hub"]);
        send_to_stranger(&wires, "through a hub", true);
        assert_eq!(scene.json(&["bridge", "show", "br0"])[0]["mode"], "hub");
        scene.host.ok(&["bridge", "set", "br0", "--mode", "bridge"]);
        announce(&wires, 1, STRANGER);
        send_to_stranger(&wires, "through a bridge again", false);
    }
}

#[test]
fn a_change_of_the_ageing_time_takes_effect_on_what_is_known() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = Scene::new(3, hook);
        let wires = scene.wires();
        announce(&wires, 1, STRANGER);
        send_to_stranger(&wires, "known", false);
        scene
            .host
            .ok(&["bridge", "set", "br0", "--ageing-time", "1"]);
        let stranger = STRANGER.to_string();
        eventually("ageing", || !scene.macs().contains(&stranger));
        send_to_stranger(&wires, "forgotten", true);
    }
}

#[test]
fn a_disabled_port_drops_and_counts_and_forwards_again_after() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = Scene::new(2, hook);
        let wires = scene.wires();
        announce(&wires, 0, station(1));
        let state = |state| {
            scene
                .host
                .ok(&["port", "set", "br0", "v1", "--state", state])
        };
        state("disabled");
        assert_eq!(
            scene.json(&["port", "show", "br0", "v1"])[0]["state"],
            "disabled"
        );
        assert_eq!(scene.macs().len(), 0, "a port that is off has no stations");
        let (out, back) = (
            frame(station(2), station(1), "out of it"),
            frame(station(1), station(2), "into it"),
        );
        wires[0].send(&out);
        wires[1].send(&back);
        expect_delivery(&out, &[], &[&wires[1]]);
        expect_delivery(&back, &[], &[&wires[0]]);
        let dropped = &scene.stats("v1")["dropped"];
        assert_eq!(dropped["reasons"]["port_disabled"], 1, "{dropped}");
        assert_eq!(dropped["total"], 1, "{dropped}");
        state("forwarding");
        wires[0].send(&out);
        wires[1].send(&back);
        expect_delivery(&out, &[&wires[1]], &[]);
        expect_delivery(&back, &[&wires[0]], &[]);
        assert_eq!(scene.stats("v1")["dropped"]["total"], 1);
    }
}

#[test]
fn two_bridges_are_listed_and_keep_to_themselves() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let mut scene = Scene::new(2, hook);
        scene.host.ok(&["bridge", "add", "br1", "--mode", "hub"]);
        scene.add("br1", hook);
        scene.add("br1", hook);
        let bridges = scene.json(&["bridge", "show"]);
        for (bridge, mode, ports) in [
            ("br0", "bridge", ["v1", "v2"]),
            ("br1", "hub", ["v3", "v4"]),
        ] {
            let shown = super::pick(&bridges, "bridge", bridge);
            assert_eq!(shown["mode"], mode);
            assert_eq!(shown["ports"], serde_json::json!(ports));
        }
        let wires = scene.wires();
        for at in [0, 2] {
            let hello = super::hello(STRANGER);
            wires[at].send(&hello);
            expect_delivery(&hello, &[&wires[at + 1]], &[&wires[2 - at], &wires[3 - at]]);
        }
        assert_eq!(scene.macs(), [STRANGER.to_string()]);
        assert_eq!(scene.json(&["fdb", "show", "br1"]), serde_json::json!([]));
        scene.host.ok(&["bridge", "del", "br1"]);
        assert_eq!(
            scene.json(&["bridge", "show"]).as_array().map(Vec::len),
            Some(1)
        );
        let hello = super::hello(station(1));
        wires[0].send(&hello);
        expect_delivery(&hello, &[&wires[1]], &[&wires[2], &wires[3]]);
    }
}

#[test]
fn forwarding_goes_on_when_every_command_has_ended() {
    require_root!();
    for hook in HOOKS {
        note(format_args!("at {hook}"));
        let scene = Scene::new(2, hook);
        let [one, two] = [&scene.containers[0], &scene.containers[1]];
        let address = "10.9.0.2".parse().expect("an address");
        // No command runs; whatever forwards is in the kernel.
        assert!(ping(one, address, 5).all_answered());
        tcp(one, two, address, 1 << 20);
    }
}
