//! Forwarding rate by size of the FDB.

use anyhow::Result;
use netbridge_common::bench::BenchConf;

use super::frames::{SMALLEST, arrivals, delivered, send, with_sinks};
use crate::bench::{
    Datapath,
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
};

/// Addresses in the FDB, beside the sender's.
const SIZES: [u32; 4] = [1, 1000, 100_000, 1_000_000];

/// Most destinations in turn: more than a cache of flows holds, so that each is looked up.
const DESTINATIONS: u32 = 10_000;

/// One flow, and destinations all over the FDB.
pub(in crate::bench) const TEST: Test = Test {
    name: "fdb",
    about: "forwarding rate with 1 to 1,000,000 addresses in the FDB: of one flow, and with \
            up to 10,000 destinations drawn evenly from them",
    quick: false,
    between_stacks: false,
    applies: Datapath::is_contender,
    run: |datapath, pace| {
        let options = RigOptions {
            fdb_entries: 1 << 20,
            // The third would see what is flooded.
            ..RigOptions::stations(3)
        };
        let mut rig = with_sinks(datapath, options)?;
        let mut samples = Vec::new();
        for size in SIZES {
            fill(&mut rig, size)?;
            let one = forward(&mut rig, BenchConf::default(), pace.frames / 4)?;
            samples.push(one.named(&format!("fdb_size_{size}")));
            if size > 1 {
                let spread = forward(&mut rig, spread(size), pace.frames / 4)?;
                samples.push(spread.named(&format!("fdb_spread_{size}")));
            }
        }
        Ok(samples)
    },
};

/// Destinations drawn evenly from `size` addresses.
fn spread(size: u32) -> BenchConf {
    let flows = size.min(DESTINATIONS);
    BenchConf {
        flows,
        stride: size / flows,
        keep_src: 1,
        ..BenchConf::default()
    }
}

/// Lets the bridge learn `size` addresses of the second station.
fn fill(rig: &mut Rig, size: u32) -> Result<()> {
    let conf = BenchConf {
        flows: size,
        keep_dst: 1,
        ..BenchConf::default()
    };
    send(rig, (0, 1), SMALLEST, BenchConf::default(), 1)?;
    send(rig, (1, 0), SMALLEST, conf, size)?;
    Ok(())
}

/// Frames from the first station to the second, none of which may be flooded.
fn forward(rig: &mut Rig, conf: BenchConf, count: u32) -> Result<Sample> {
    send(rig, (0, 1), SMALLEST, conf, count / 16)?;
    let before = arrivals(rig)?;
    let elapsed = send(rig, (0, 1), SMALLEST, conf, count)?;
    let count = u64::from(count);
    let delivered = delivered(rig, &before, &[0, count, 0])?[1];
    Ok(Sample::rate("", Unit::Mpps, delivered, elapsed).lost(count - delivered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_reach_over_all_addresses() {
        for size in SIZES {
            let conf = spread(size);
            let last = (conf.flows - 1) * conf.stride;
            assert!(last < size && last + conf.stride >= size, "{size}");
        }
    }
}
