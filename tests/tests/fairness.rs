//! A port that floods the FDB with addresses leaves room for the others, in exact numbers.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use netbridge::bridge::HookChoice;
use netbridge_common::MacAddr;
use netbridge_tests::{
    require::note,
    require_root,
    topology::{Lab, hook_mixes},
    wire::{Wire, frame},
};

/// Entries that the FDB has room for.
const ROOM: u32 = 64;
/// Addresses in a flood: more than there is room for.
const MANY: u8 = 100;

fn station(port: usize, n: u8) -> MacAddr {
    let port = u8::try_from(port).expect("a small number");
    MacAddr([0x02, 0, 0, 0, port, n])
}

fn on_every_mix(limit: u32, check: impl Fn(&Lab, &[Wire])) {
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = lab(&hooks, limit);
        check(&lab, &lab.wires());
        lab.assert_accounts();
        lab.assert_no_drops();
    }
}

/// A lab whose first port has this limit.
fn lab(hooks: &[HookChoice], limit: u32) -> Lab {
    let lab = Lab::builder(hooks).fdb_entries(ROOM);
    lab.port(1, |port| port.learn_limit = limit).build()
}

/// Broadcasts from `many` addresses behind container `n`, from 1, and waits for all of them.
fn speak(wires: &[Wire], n: usize, many: u8) {
    for at in 0..many {
        let hello = frame(MacAddr::BROADCAST, station(n, at), "hello");
        wires[n - 1].send(&hello);
        for (_, wire) in (1..).zip(wires).filter(|(other, _)| *other != n) {
            wire.expect_frame(&hello);
        }
    }
}

/// How many stations are known behind each port.
fn known(lab: &Lab) -> [usize; 3] {
    let fdb = lab.fdb();
    [1, 2, 3].map(|n| {
        let port = lab.port_id(n);
        fdb.iter().filter(|(_, entry)| entry.port == port).count()
    })
}

#[test]
fn a_port_that_floods_addresses_takes_seven_for_each_that_is_left() {
    require_root!();
    on_every_mix(0, |lab, wires| {
        speak(wires, 1, MANY);
        assert_eq!(known(lab), [56, 0, 0]);
        speak(wires, 2, MANY);
        assert_eq!(known(lab), [56, 7, 0]);
        speak(wires, 3, MANY);
        assert_eq!(known(lab), [56, 7, 1], "the FDB is full");
        // Who was first stays, and what cannot be learned is flooded all the same.
        speak(wires, 1, MANY);
        assert_eq!(known(lab), [56, 7, 1]);
        let counts = [1, 2, 3].map(|n| (lab.stats(n).learned, lab.stats(n).learn_refused));
        assert_eq!(counts, [(56, 88), (7, 93), (1, 99)]);
    });
}

#[test]
fn stations_that_were_there_before_a_flood_stay_and_more_come_after_it() {
    require_root!();
    on_every_mix(0, |lab, wires| {
        speak(wires, 2, 2);
        speak(wires, 3, 2);
        speak(wires, 1, MANY);
        // 52 is less than 7 times 8, and 53 is not less than 7 times 7.
        assert_eq!(known(lab), [53, 2, 2]);
        let answer = frame(station(2, 1), station(1, 0), "answer");
        wires[0].send(&answer);
        wires[1].expect_once(&answer);
        speak(wires, 2, 4);
        speak(wires, 3, 4);
        assert_eq!(known(lab), [53, 4, 4]);
    });
}

#[test]
fn a_port_with_a_limit_may_have_that_many() {
    require_root!();
    on_every_mix(60, |lab, wires| {
        speak(wires, 1, MANY);
        assert_eq!(known(lab), [60, 0, 0]);
        speak(wires, 2, MANY);
        assert_eq!(known(lab), [60, 4, 0], "the others share what is left");
    });
    on_every_mix(200, |lab, wires| {
        speak(wires, 1, MANY);
        assert_eq!(known(lab), [64, 0, 0], "so large a limit leaves nothing");
    });
}

#[test]
fn a_flood_ends_with_the_flush_of_its_port() {
    require_root!();
    on_every_mix(0, |lab, wires| {
        speak(wires, 1, MANY);
        let port = Some(lab.port_id(1));
        let permanent_too = false;
        let selection = netbridge::fdb::Selection {
            port,
            permanent_too,
        };
        let flushed = lab.bridge(|bridge| bridge.flush_fdb(&selection).expect("flush"));
        assert_eq!(flushed, 56);
        speak(wires, 2, MANY);
        assert_eq!(known(lab), [0, 56, 0]);
    });
}
