//! Attacks from a container on the others: each works on a port as it comes, so that the test means
//! something, and fails on a protected one, on both hooks, where a counter says so.
//!
//! The operator does here what operators do: everything is set up by the command line.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

mod addresses;
mod control;
mod floods;
mod neighbours;
mod services;
mod vlans;

use netbridge::net::Netns;
use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    topology::Host,
    wire::{SILENCE, Wire, expect_delivery, frame},
};
use serde_json::Value;

/// The attacker, behind `v1`.
const MALLORY: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 1]);
/// Whom it is after, behind `v2`.
const VICTIM: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 2]);
/// Whom the victim speaks with, behind `v3`.
const FRIEND: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 3]);

/// Their IPv4 addresses.
const MALLORY_IP: [u8; 4] = [10, 9, 0, 11];
const VICTIM_IP: [u8; 4] = [10, 9, 0, 12];
const FRIEND_IP: [u8; 4] = [10, 9, 0, 13];

/// A bridge with the three on it.
struct Scene {
    host: Host,
    wires: Vec<Wire>,
    _containers: Vec<Netns>,
}

/// Calls `check` with a scene at each hook.
fn on_both_hooks(check: impl Fn(&Scene)) {
    for hook in ["tc", "xdp"] {
        note(format_args!("at {hook}"));
        check(&Scene::new(hook));
    }
}

impl Scene {
    fn new(hook: &str) -> Self {
        let host = Host::new();
        host.ok(&["bridge", "add", "br0", "--fdb-entries", "64"]);
        let mut containers = Vec::new();
        for (ifname, mac, name) in [
            ("v1", MALLORY, "mallory"),
            ("v2", VICTIM, "victim"),
            ("v3", FRIEND, "friend"),
        ] {
            containers.push(host.container(ifname, Some(mac.0), None));
            let add = ["port", "add", "br0", ifname, "--hook", hook, "--name", name];
            host.ok(&add);
        }
        let wires = containers.iter().map(|netns| Wire::open(netns, "eth0"));
        let scene = Self {
            host,
            wires: wires.collect(),
            _containers: containers,
        };
        scene.everybody_speaks();
        scene
    }

    /// Everybody is known where they are.
    fn everybody_speaks(&self) {
        for (n, mac) in [MALLORY, VICTIM, FRIEND].into_iter().enumerate() {
            let others: Vec<usize> = (0..3).filter(|other| *other != n).collect();
            self.comes(n, &frame(MacAddr::BROADCAST, mac, "here I am"), &others);
        }
    }

    /// Runs `netbridge` with words, and expects success.
    fn operator(&self, words: &str) -> String {
        let args: Vec<&str> = words.split_whitespace().collect();
        self.host.ok(&args)
    }

    /// Sends a frame from container `from`, from 0, and asserts that it comes to `to`, once each, and
    /// to nobody else.
    fn comes(&self, from: usize, frame: &[u8], to: &[usize]) {
        self.wires[from].send(frame);
        let all = 0..self.wires.len();
        let (at, not_at): (Vec<usize>, Vec<usize>) = all.partition(|n| to.contains(n));
        let wires = |which: Vec<usize>| which.into_iter().map(|n| &self.wires[n]);
        let at: Vec<&Wire> = wires(at).collect();
        let not_at: Vec<&Wire> = wires(not_at).collect();
        expect_delivery(frame, &at, &not_at);
    }

    /// Frames that a port dropped for a reason.
    fn dropped(&self, ifname: &str, reason: &str) -> u64 {
        let port = self.port(ifname);
        let count = &port["dropped"]["reasons"][reason];
        count.as_u64().expect("a reason that there is")
    }

    /// Frames that mallory's port dropped for a reason.
    fn caught(&self, reason: &str) -> u64 {
        self.dropped("v1", reason)
    }

    /// Counters of a port.
    fn port(&self, ifname: &str) -> Value {
        let stats = self.operator("stats br0 --json");
        let stats: Value = serde_json::from_str(&stats).expect("JSON");
        let mut ports = stats["ports"].as_array().expect("ports").iter();
        let port = ports.find(|port| port["port"] == ifname);
        port.expect("the port").clone()
    }

    /// The interface that the FDB has an address on, where it has one.
    fn whereabouts(&self, mac: MacAddr) -> Option<String> {
        let fdb = self.operator("fdb show br0 --json");
        let fdb: Value = serde_json::from_str(&fdb).expect("JSON");
        let mut entries = fdb.as_array().expect("entries").iter();
        let entry = entries.find(|entry| entry["mac"] == mac.to_string())?;
        Some(entry["ifname"].as_str().expect("a name").to_owned())
    }

    /// Asserts that the victim and its friend still reach each other, and nobody listens in.
    fn victim_is_well(&self) {
        self.comes(2, &frame(VICTIM, FRIEND, "to the victim"), &[1]);
        self.comes(1, &frame(FRIEND, VICTIM, "to the friend"), &[2]);
    }

    /// Reads what waits at a container, so that it is not taken for what comes later.
    fn drain(&self, n: usize) {
        while self.wires[n].receive(SILENCE).is_some() {}
    }
}
