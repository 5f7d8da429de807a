//! Address caching capacity.

use anyhow::{Context as _, Result};
use netbridge_common::bench::BenchConf;

use super::frames::{SMALLEST, arrivals, can_switch, delivered, send, with_sinks};
use crate::{
    bench::{
        Datapath,
        rig::{Rig, RigOptions},
        sample::{Sample, Unit},
        test::Test,
    },
    bridge::Bridge,
    fdb::Selection,
};

/// Most addresses that are tried.
const MOST: u32 = 131_072;

/// The stations of RFC 2889 5.7: the addresses are learned at one port, and sent to from another.
/// What is flooded arrives at the monitor too.
const TEST_PORT: usize = 0;
const LEARNING_PORT: usize = 1;
const MONITOR: usize = 2;

/// The most addresses with which nothing is flooded.
pub(in crate::bench) const TEST: Test = Test {
    name: "capacity",
    about: "address caching capacity (RFC 2889 5.7), searched up to 131,072; the Linux bridge has \
            no limit, netbridge the one that it is made with: here 16,384",
    quick: false,
    between_stacks: false,
    applies: can_switch,
    run: |datapath, _| {
        let mut rig = build(datapath)?;
        let capacity = largest(MOST, |addresses| {
            forget(&mut rig)?;
            Ok(flood_count(&mut rig, addresses)? == 0)
        })?;
        let capacity = f64::from(capacity);
        Ok(vec![Sample::new(
            "address_caching_capacity",
            Unit::Count,
            capacity,
        )])
    },
};

fn build(datapath: Datapath) -> Result<Rig> {
    let options = RigOptions {
        fdb_entries: 1 << 14,
        ..RigOptions::stations(3)
    };
    with_sinks(datapath, options)
}

/// The largest number up to `most` that passes, where all below one that passes do too; 0 if none.
fn largest(most: u32, mut passes: impl FnMut(u32) -> Result<bool>) -> Result<u32> {
    if passes(most)? {
        return Ok(most);
    }
    let (mut good, mut bad) = (0, most);
    while bad - good > 1 {
        let middle = u32::midpoint(good, bad);
        if passes(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(good)
}

/// Removes what was learned; the kernel's bridge is made anew for that.
fn forget(rig: &mut Rig) -> Result<()> {
    let Some(dir) = rig.bridge.clone() else {
        *rig = build(rig.datapath)?;
        return Ok(());
    };
    rig.host
        .run(|| Bridge::open_dir(dir)?.flush_fdb(&Selection::default()))?
        .context("flush the FDB")?;
    Ok(())
}

/// Lets so many addresses be learned, sends a frame to each, and counts those that were flooded.
fn flood_count(rig: &mut Rig, addresses: u32) -> Result<u64> {
    let learn = BenchConf {
        flows: addresses,
        keep_dst: 1,
        ..BenchConf::default()
    };
    let test = BenchConf {
        flows: addresses,
        keep_src: 1,
        ..BenchConf::default()
    };
    let there = (TEST_PORT, LEARNING_PORT);
    let back = (LEARNING_PORT, TEST_PORT);
    send(rig, there, SMALLEST, BenchConf::default(), 1)?;
    send(rig, back, SMALLEST, learn, addresses)?;
    let before = arrivals(rig)?;
    send(rig, there, SMALLEST, test, addresses)?;
    let sent = u64::from(addresses);
    Ok(delivered(rig, &before, &[0, sent, sent])?[MONITOR])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_finds_the_largest_that_passes() {
        for most in [1, 2, 7, 100, 131_072] {
            for capacity in [0, 1, 2, 6, 99, 16_383, 200_000] {
                let found = largest(most, |number| Ok(number <= capacity)).expect("a number");
                assert_eq!(found, capacity.min(most), "up to {most}");
            }
        }
    }

    #[test]
    fn the_search_takes_few_trials() {
        let mut trials = 0;
        largest(MOST, |number| {
            trials += 1;
            Ok(number <= 5)
        })
        .expect("a number");
        assert_eq!(trials, 18);
    }
}
