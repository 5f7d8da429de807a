//! Attacks on the FDB: its room, its entries, and the bridge's own address.

use netbridge_common::MacAddr;
use netbridge_tests::{
    require_root,
    wire::{SILENCE, frame},
};

use super::{FRIEND, MALLORY, VICTIM, on_both_hooks};

/// Address `n` of a flood.
const fn made_up(n: u8) -> MacAddr {
    MacAddr([0x02, 0xba, 0xd0, 0, 0, n])
}

/// A station that has not spoken yet.
const LATE: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 9]);

#[test]
fn a_flood_of_addresses_neither_evicts_anybody_nor_keeps_newcomers_out() {
    require_root!();
    on_both_hooks(|scene| {
        scene.operator("port set br0 v1 --learn-limit 8");
        for n in 0..200 {
            scene.wires[0].send(&frame(VICTIM, made_up(n), "one of many"));
        }
        for n in [1, 2] {
            scene.drain(n);
        }
        let port = scene.port("v1");
        assert_eq!(port["learned"], 8, "{port}");
        assert_eq!(port["learn_refused"], 193, "{port}");
        scene.victim_is_well();
        scene.comes(2, &frame(MacAddr::BROADCAST, LATE, "late"), &[0, 1]);
        assert_eq!(scene.whereabouts(LATE).as_deref(), Some("v3"));
        scene.comes(1, &frame(LATE, VICTIM, "found"), &[2]);
    });
}

#[test]
fn a_flood_of_addresses_without_a_limit_leaves_room_for_the_others() {
    require_root!();
    on_both_hooks(|scene| {
        for n in 0..200 {
            scene.wires[0].send(&frame(VICTIM, made_up(n), "one of many"));
        }
        scene.drain(1);
        let refused = scene.port("v1")["learn_refused"].as_u64();
        assert!(refused.is_some_and(|refused| refused > 100), "{refused:?}");
        scene.victim_is_well();
        scene.comes(2, &frame(MacAddr::BROADCAST, LATE, "late"), &[0, 1]);
        assert_eq!(scene.whereabouts(LATE).as_deref(), Some("v3"));
    });
}

#[test]
fn an_address_is_stolen_from_a_port_that_nothing_protects() {
    require_root!();
    on_both_hooks(|scene| {
        scene.comes(0, &frame(FRIEND, VICTIM, "it is me"), &[2]);
        assert_eq!(scene.whereabouts(VICTIM).as_deref(), Some("v1"));
        scene.comes(2, &frame(VICTIM, FRIEND, "a secret"), &[0]);
    });
}

#[test]
fn an_address_that_is_bound_elsewhere_cannot_be_stolen() {
    require_root!();
    on_both_hooks(|scene| {
        scene.operator(&format!("binding add br0 v1 --mac {MALLORY}"));
        for dst in [FRIEND, MacAddr::BROADCAST, made_up(1)] {
            scene.comes(0, &frame(dst, VICTIM, "it is me"), &[]);
        }
        assert_eq!(scene.caught("spoofed_mac"), 3);
        assert_eq!(scene.whereabouts(VICTIM).as_deref(), Some("v2"));
        scene.comes(0, &frame(VICTIM, MALLORY, "its own address"), &[1]);
        scene.victim_is_well();
    });
}

#[test]
fn a_static_entry_and_a_locked_port_hold_an_address_too() {
    require_root!();
    on_both_hooks(|scene| {
        scene.operator(&format!("fdb add br0 {VICTIM} --port v2 --static"));
        scene.wires[0].send(&frame(FRIEND, VICTIM, "it is me"));
        scene.drain(2);
        assert_eq!(scene.whereabouts(VICTIM).as_deref(), Some("v2"));
        scene.victim_is_well();
        scene.operator("port set br0 v1 --locked on");
        scene.comes(0, &frame(FRIEND, VICTIM, "it is me"), &[]);
        scene.comes(0, &frame(FRIEND, made_up(1), "a stranger"), &[]);
        assert_eq!(scene.caught("locked"), 2);
        scene.victim_is_well();
    });
}

#[test]
fn an_address_that_is_fought_over_is_held_where_it_is() {
    require_root!();
    on_both_hooks(|scene| {
        scene.operator("bridge set br0 --flap-moves 3 --flap-window 60 --flap-hold 60");
        let stolen = frame(MacAddr::BROADCAST, VICTIM, "it is me");
        let back = frame(MacAddr::BROADCAST, VICTIM, "no, me");
        for _ in 0..10 {
            scene.wires[0].send(&stolen);
            scene.wires[1].send(&back);
        }
        for n in 0..3 {
            scene.drain(n);
        }
        let held = scene.caught("moved_sticky") + scene.dropped("v2", "moved_sticky");
        assert!(held >= 8, "{held} frames from the wrong port were dropped");
        let at = scene.whereabouts(VICTIM);
        scene.wires[0].send(&stolen);
        scene.wires[1].send(&back);
        scene.wires[2].expect_no(|_| false, SILENCE);
        assert_eq!(scene.whereabouts(VICTIM), at, "it moved on");
    });
}

#[test]
fn the_bridges_own_address_cannot_be_taken() {
    require_root!();
    on_both_hooks(|scene| {
        scene.operator("bridge add br1 --address 10.8.0.1/24 --mac 02:00:00:00:08:01");
        let container = scene.host.container("w1", Some(MALLORY.0), None);
        scene.operator("port add br1 w1");
        let own = MacAddr([0x02, 0, 0, 0, 8, 1]);
        let wire = netbridge_tests::wire::Wire::open(&container, "eth0");
        wire.send(&frame(MacAddr::BROADCAST, own, "I am the gateway"));
        wire.expect_no(|_| false, SILENCE);
        let stats = scene.operator("stats br1 --json");
        let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
        let ports = stats["ports"].as_array().expect("ports");
        let port = ports.iter().find(|port| port["port"] == "w1");
        let reasons = &port.expect("the port")["dropped"]["reasons"];
        assert_eq!(reasons["own_source"], 1, "{reasons}");
    });
}
