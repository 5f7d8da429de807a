//! A full FDB, seen from userspace.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use netbridge_common::{FdbEntry, FdbKey, MacAddr, PortId, Ticks};

use crate::{
    bench::{
        Datapath,
        sample::{Sample, Unit},
        test::Test,
    },
    bridge::{Bridge, BridgeOptions},
    datapath::{self, LoadOptions},
    net::Netns,
    output::FdbView,
};

/// Entries of the FDB.
const ENTRIES: u32 = 1_000_000;

/// What `fdb show` does, up to printing.
pub(in crate::bench) const DUMP: Test = Test {
    name: "fdb_dump",
    about: "time to read and sort an FDB of 1,000,000 entries, and to put each into words",
    quick: false,
    between_stacks: false,
    applies: is_ours,
    run: |_, _| {
        with_full_fdb(Ticks(0), |bridge| {
            let started = Instant::now();
            let entries = bridge.fdb()?;
            let read = started.elapsed();
            let views = FdbView::of(bridge, &entries)?;
            let described = started.elapsed();
            ensure!(views.len() == ENTRIES as usize, "{} entries", views.len());
            Ok(vec![
                sample("fdb_dump_1000000", read),
                sample("fdb_show_1000000", described),
            ])
        })
    },
};

/// What `serve` does every so often, when everything has aged.
pub(in crate::bench) const SWEEP: Test = Test {
    name: "fdb_sweep",
    about: "time to sweep 1,000,000 entries that have all aged out of the FDB",
    quick: false,
    between_stacks: false,
    applies: is_ours,
    run: |_, _| {
        let age = Ticks::from_secs(1_000);
        with_full_fdb(age, |bridge| {
            let started = Instant::now();
            let swept = bridge.sweep()?;
            let took = started.elapsed();
            ensure!(swept == ENTRIES as usize, "{swept} entries were swept");
            Ok(vec![sample("fdb_sweep_1000000", took)])
        })
    },
};

/// The FDB is the same whatever the hook.
fn is_ours(datapath: Datapath) -> bool {
    datapath == Datapath::NetbridgeTc
}

fn sample(name: &str, took: Duration) -> Sample {
    Sample::new(name, Unit::Millis, took.as_secs_f64() * 1e3)
}

/// Calls `act` on a bridge whose FDB is full of entries of an age.
fn with_full_fdb(
    age: Ticks,
    act: impl FnOnce(&mut Bridge) -> Result<Vec<Sample>> + Send,
) -> Result<Vec<Sample>> {
    Netns::anonymous()?.run(move || {
        let load = LoadOptions {
            fdb_entries: ENTRIES,
            ..LoadOptions::default()
        };
        let options = BridgeOptions {
            load,
            ..BridgeOptions::default()
        };
        let mut bridge = Bridge::create_private("br0", &options)?;
        let seen = Ticks(datapath::now().0.wrapping_sub(age.0));
        let entry = |number: u32| {
            let [_, high, middle, low] = number.to_be_bytes();
            let key = FdbKey::untagged(MacAddr([0x02, 0, 0, high, middle, low]));
            (key, FdbEntry::learned(PortId(1), seen))
        };
        let entries: Vec<(FdbKey, FdbEntry)> = (0..ENTRIES).map(entry).collect();
        bridge.maps_mut().set_fdb_entries(&entries)?;
        act(&mut bridge)
    })?
}
