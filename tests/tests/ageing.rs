//! Forgetting stations that are silent: row 7 of the conformance list.

use std::{
    thread,
    time::{Duration, Instant},
};

use netbridge::fdb::EntryKind;
use netbridge_common::MacAddr;
use netbridge_tests::{
    require_root,
    topology::{Lab, hook_mixes},
    wire::{SILENCE, SOON, Wire, frame},
};

const SILENT: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x71]);
const TALKER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x72]);
const SENDER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x73]);

/// The shortest ageing time, and the longest that an entry may then live: stamps are in ticks of
/// 1.07 s, of which the first may have just ended; and machines are busy.
const AGEING_SECS: u32 = 1;
const LONGEST: Duration = Duration::from_millis(2 * 1074 + 1500);

/// Calls `check` with a lab of three containers for each mix of hooks, all at once: it takes time
/// to age.
fn on_every_mix(check: impl Fn(&Lab, &[Wire]) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        for hooks in hook_mixes(3) {
            scope.spawn(move || {
                let lab = Lab::builder(&hooks).ageing_secs(AGEING_SECS).build();
                check(&lab, &lab.wires());
                lab.assert_accounts();
            });
        }
    });
}

/// Sends a broadcast from `src` on the second wire, and waits until the first has it.
fn announce(wires: &[Wire], src: MacAddr) {
    let hello = frame(MacAddr::BROADCAST, src, "hello");
    wires[1].send(&hello);
    wires[0].expect_frame(&hello);
}

/// Sends a frame from the first wire for `dst` behind the second, and says whether the third hears
/// it too, as it does when the bridge does not know where `dst` is.
fn is_flooded(wires: &[Wire], dst: MacAddr) -> bool {
    let probe = frame(dst, SENDER, "who hears this?");
    wires[0].send(&probe);
    wires[1].expect_frame(&probe);
    let deadline = Instant::now() + SILENCE;
    while let Some(heard) = wires[2].receive(deadline.saturating_duration_since(Instant::now())) {
        if heard == probe {
            return true;
        }
    }
    false
}

#[test]
fn a_station_is_forgotten_when_it_is_silent_whatever_is_sent_to_it() {
    require_root!();
    on_every_mix(|lab, wires| {
        announce(wires, SILENT);
        let spoke = Instant::now();
        while !is_flooded(wires, SILENT) {
            assert!(spoke.elapsed() < LONGEST, "still known");
        }
        let lived = spoke.elapsed();
        let least = Duration::from_secs(AGEING_SECS.into());
        assert!(lived + SILENCE >= least, "forgotten after {lived:?}");
        let known = lab.fdb();
        assert!(known.iter().all(|(key, _)| key.mac != SILENT), "{known:?}");

        announce(wires, SILENT);
        assert!(!is_flooded(wires, SILENT), "learned again");
    });
}

#[test]
fn a_station_that_speaks_is_not_forgotten() {
    require_root!();
    on_every_mix(|_, wires| {
        let start = Instant::now();
        announce(wires, TALKER);
        while start.elapsed() < LONGEST {
            let lately = Instant::now();
            wires[1].send(&frame(SENDER, TALKER, "still here"));
            let flooded = is_flooded(wires, TALKER);
            // A test that did not get to run for long proves nothing.
            assert!(!flooded || lately.elapsed().as_secs() >= u64::from(AGEING_SECS));
        }
    });
}

#[test]
fn a_sweep_removes_what_has_aged_and_nothing_else() {
    require_root!();
    on_every_mix(|lab, wires| {
        let port = lab.port_id(3);
        lab.bridge(|bridge| bridge.add_fdb_entry(TALKER, port, EntryKind::Static))
            .expect("add an entry");
        announce(wires, SILENT);
        let sweep = || lab.bridge(|bridge| bridge.sweep().expect("sweep"));
        assert_eq!(sweep(), 0, "nothing has aged");
        let deadline = Instant::now() + LONGEST + SOON;
        while sweep() == 0 {
            assert!(Instant::now() < deadline, "the entry is never swept");
            thread::park_timeout(Duration::from_millis(20));
        }
        assert!(lab.entry(SILENT).is_none());
        assert!(lab.entry(TALKER).is_some(), "static entries do not age");
    });
}

#[test]
fn a_sticky_entry_that_has_aged_moves() {
    require_root!();
    on_every_mix(|lab, wires| {
        let (second, third) = (lab.port_id(2), lab.port_id(3));
        lab.bridge(|bridge| bridge.add_fdb_entry(SILENT, third, EntryKind::Sticky))
            .expect("add an entry");
        announce(wires, SILENT);
        assert_eq!(lab.entry(SILENT).expect("is there").port, third);
        let deadline = Instant::now() + LONGEST;
        while lab.fdb().iter().any(|(key, _)| key.mac == SILENT) {
            assert!(Instant::now() < deadline, "the entry never ages");
            thread::park_timeout(Duration::from_millis(20));
        }
        announce(wires, SILENT);
        assert_eq!(lab.entry(SILENT).expect("is there").port, second);
    });
}
