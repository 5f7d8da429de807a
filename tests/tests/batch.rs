//! Reading and deleting the FDB in batches, and what is left of the limits' counts after it.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use std::{collections::BTreeMap, ops::Range};

use netbridge::{
    bridge::{BridgeOptions, HookChoice},
    datapath::{self, LoadOptions, batch},
    fdb::{EntryKind, Selection},
};
use netbridge_common::{FdbEntry, FdbKey, MacAddr, PortId, Ticks};
use netbridge_tests::{
    frame::{Frame, station},
    program::{Bench, Hook},
    require_root,
};

const MANY: u32 = 100_000;

/// Station number `n` of many.
fn one_of_many(n: u32) -> FdbKey {
    let mut octets = [0x02; 6];
    octets[2..].copy_from_slice(&n.to_be_bytes());
    FdbKey::untagged(MacAddr(octets))
}

fn bench(ports: usize) -> Bench {
    let load = LoadOptions {
        max_ports: 7,
        fdb_entries: 2 * MANY,
        ..LoadOptions::default()
    };
    let options = BridgeOptions {
        load,
        ..BridgeOptions::default()
    };
    Bench::new(ports, HookChoice::Tc, &options)
}

#[test]
fn batches_of_a_large_fdb_are_what_reading_and_deleting_singly_give() {
    require_root!();
    Bench::alone(|| {
        let mut bench = bench(0);
        let now = datapath::now();
        for n in 0..MANY {
            let entry = FdbEntry::learned(PortId(1 + n % 7), now);
            let maps = bench.bridge.maps_mut();
            maps.set_fdb_entry(one_of_many(n), entry)
                .expect("write an entry");
        }
        let singly: BTreeMap<_, _> = pairs(bench.entries()).collect();
        assert_eq!(singly.len(), MANY as usize);
        let data = bench.bridge.maps().fdb_data().expect("open the FDB");
        let all = batch::read_all(&data).expect("read the FDB");
        assert_eq!(all.len(), singly.len(), "an entry was read twice");
        assert_eq!(pairs(all).collect::<BTreeMap<_, _>>(), singly);

        // Every other entry, and as many that are not there, among them the first and the last.
        let absent = (MANY..2 * MANY).map(one_of_many);
        let present = (0..MANY).step_by(2).map(one_of_many);
        let mut keys: Vec<FdbKey> = absent
            .clone()
            .zip(present)
            .flat_map(<[_; 2]>::from)
            .collect();
        keys.extend(absent.take(3));
        assert_eq!(
            batch::delete(&data, &keys).expect("delete entries"),
            MANY as usize / 2
        );
        let left: BTreeMap<_, _> = pairs(bench.entries()).collect();
        let expected = (1..MANY).step_by(2).map(one_of_many);
        let expected: BTreeMap<_, _> = expected.map(|key| (key, singly[&key])).collect();
        assert_eq!(left, expected);
        assert_eq!(batch::delete(&data, &[]).expect("delete nothing"), 0);
    });
}

/// What can be compared of entries.
fn pairs(entries: Vec<(FdbKey, FdbEntry)>) -> impl Iterator<Item = (FdbKey, (PortId, Ticks))> {
    let pair = |(key, entry): (FdbKey, FdbEntry)| (key, (entry.port, entry.last_seen));
    entries.into_iter().map(pair)
}

/// Teaches stations by frames, so that the programs count them.
fn teach(bench: &mut Bench, port: u32, stations: Range<u16>) {
    for n in stations {
        let frame = Frame::new(station(n), station(n)).of_len(60);
        let ifindex = bench.ifindex(port);
        bench.run(Hook::Tc, ifindex, &frame, None);
    }
}

/// Counts of the bridge and of ports 1 to 3.
fn learned(bench: &Bench) -> [u64; 4] {
    [0, 1, 2, 3].map(|slot| {
        let learned = bench.bridge.maps().learned(PortId(slot));
        learned.expect("read what was learned")
    })
}

#[test]
fn what_is_flushed_or_swept_makes_room_again() {
    require_root!();
    Bench::alone(|| {
        let mut bench = bench(3);
        teach(&mut bench, 1, 0..100);
        teach(&mut bench, 2, 100..150);
        teach(&mut bench, 3, 150..160);
        // Ten stations move.
        teach(&mut bench, 3, 0..10);
        assert_eq!(learned(&bench), [160, 90, 50, 20]);

        let port = Some(PortId(2));
        let selection = Selection {
            port,
            ..Selection::default()
        };
        assert_eq!(bench.bridge.flush_fdb(&selection).expect("flush"), 50);
        assert_eq!(learned(&bench), [110, 90, 0, 20]);

        let ageing = bench.bridge.settings().expect("read settings").ageing;
        let old = Ticks(datapath::now().0.wrapping_sub(ageing.0 + 3));
        for n in 0..5 {
            let key = FdbKey::untagged(station(n));
            let entry = FdbEntry::learned(PortId(3), old);
            bench
                .bridge
                .maps_mut()
                .set_fdb_entry(key, entry)
                .expect("age an entry");
        }
        assert_eq!(bench.bridge.sweep().expect("sweep"), 5);
        assert_eq!(learned(&bench), [105, 90, 0, 15]);

        let all = Selection::default();
        assert_eq!(bench.bridge.flush_fdb(&all).expect("flush"), 105);
        assert_eq!(learned(&bench), [0; 4]);
        assert_eq!(bench.entries(), []);
    });
}

#[test]
fn operators_entries_leave_the_limits_counts_alone() {
    require_root!();
    Bench::alone(|| {
        for kind in [EntryKind::Static, EntryKind::Sticky, EntryKind::Dynamic] {
            let mut bench = bench(3);
            teach(&mut bench, 1, 0..4);
            // One that is new, and one in the place of a learned entry.
            for n in [3, 4] {
                let added = bench.bridge.add_fdb_entry(station(n), PortId(2), kind);
                added.expect("add an entry");
            }
            assert_counts_match(&bench, &format!("{kind:?} entries added"));
            for n in [3, 4] {
                assert!(
                    bench
                        .bridge
                        .del_fdb_entry(station(n))
                        .expect("delete an entry")
                );
            }
            assert_eq!(learned(&bench), [3, 3, 0, 0], "{kind:?} entries deleted");
        }
    });
}

/// No count is below zero, or above the entries that there are.
fn assert_counts_match(bench: &Bench, after: &str) {
    for (slot, count) in (0..).zip(learned(bench)) {
        let entries = bench.entries();
        let here = entries
            .iter()
            .filter(|(_, entry)| slot == 0 || entry.port.0 == slot);
        assert!(
            count <= here.count() as u64,
            "port {slot} has {count} after {after}"
        );
    }
}
