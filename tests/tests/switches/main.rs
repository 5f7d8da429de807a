//! The switches of a port, on both hooks: each counts from the next frame, and none is got around.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

mod flood;
mod groups;
mod path;
mod station;

use netbridge::bridge::PortChange;
use netbridge_common::{MacAddr, PortFlags};
use netbridge_tests::{
    topology::Lab,
    wire::{Wire, expect_delivery, frame},
};

/// Stations behind the containers, by their own address.
const NEAR: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x71]);
const FAR: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x72]);
/// Nobody.
const NOBODY: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x78]);
/// A group of IPv4.
const MULTICAST: MacAddr = MacAddr([0x01, 0x00, 0x5e, 0x01, 0x02, 0x03]);

/// Frames after which the flow cache surely has a flow.
const WARM: usize = 4;

/// Sets a switch of the port of container `n`, from 1, or clears it.
fn switch(lab: &Lab, n: usize, flag: PortFlags, on: bool) {
    let none = PortFlags::default();
    let (set, clear) = if on { (flag, none) } else { (none, flag) };
    let change = PortChange {
        set,
        clear,
        ..PortChange::default()
    };
    let ifname = &lab.container(n).port;
    lab.bridge(|bridge| {
        bridge
            .change_port(ifname, &change)
            .expect("change the port");
    });
}

/// Sends a frame from container `from`, from 1, and asserts that it comes to `to`, once each, and
/// to nobody else.
fn goes(wires: &[Wire], from: usize, frame: &[u8], to: &[usize]) {
    wires[from - 1].send(frame);
    let (mut at, mut not_at) = (Vec::new(), Vec::new());
    for (n, wire) in (1..).zip(wires) {
        if to.contains(&n) {
            at.push(wire);
        } else {
            not_at.push(wire);
        }
    }
    expect_delivery(frame, &at, &not_at);
}

/// Sends a frame to one container so often that the flow cache knows its way.
fn warm(wires: &[Wire], from: usize, frame: &[u8], to: usize) {
    for _ in 0..WARM {
        wires[from - 1].send(frame);
        wires[to - 1].expect_frame(frame);
    }
}

/// Makes `mac` known behind container `n` by a frame that goes to all others that `heard_by` names.
fn announce(wires: &[Wire], n: usize, mac: MacAddr, heard_by: &[usize]) {
    goes(wires, n, &frame(MacAddr::BROADCAST, mac, "here"), heard_by);
}
