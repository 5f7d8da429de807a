//! Throughput: one station sends to another, as fast as the CPU lets it.

use anyhow::{Result, ensure};
use netbridge_common::bench::BenchConf;

use super::frames::{SMALLEST, arrivals, can_generate, send, with_sinks};
use crate::bench::{
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
};

/// Sizes of RFC 2544 9.1, FCS included.
const SIZES: [usize; 7] = [64, 128, 256, 512, 1024, 1280, 1518];

/// Frames of every size, one flow.
pub(in crate::bench) const THROUGHPUT: Test = Test {
    name: "throughput",
    about: "forwarding rate (RFC 2544 26.1) of frames of 64 to 1518 octets, one flow",
    quick: true,
    between_stacks: false,
    applies: can_generate,
    run: |datapath, pace| {
        let mut rig = with_sinks(datapath, RigOptions::stations(2))?;
        let sizes = if pace.quick { &SIZES[..1] } else { &SIZES };
        sizes
            .iter()
            .map(|len| {
                let sample = forward(&mut rig, *len, 1, pace.frames)?;
                Ok(sample.named(&format!("throughput_{len}")))
            })
            .collect()
    },
};

/// The smallest frames, many flows.
pub(in crate::bench) const FLOWS: Test = Test {
    name: "flows",
    about: "forwarding rate of 64-octet frames that belong to many flows",
    quick: true,
    between_stacks: false,
    applies: can_generate,
    run: |datapath, pace| {
        let mut rig = with_sinks(datapath, RigOptions::stations(2))?;
        let sample = forward(&mut rig, SMALLEST, 1000, pace.frames)?;
        Ok(vec![sample.named("flows_1000")])
    },
};

/// Frames of `len` octets from the first station to the second, under `flows` pairs of addresses.
pub(super) fn forward(rig: &mut Rig, len: usize, flows: u32, count: u32) -> Result<Sample> {
    let conf = BenchConf { flows, keep_dst: 0 };
    // Learning frames first (RFC 2889 5.1): every address is seen where it is.
    send(rig, (1, 0), len, conf, flows.max(64))?;
    send(rig, (0, 1), len, conf, flows.max(count / 16))?;
    let before = arrivals(rig)?;
    let elapsed = send(rig, (0, 1), len, conf, count)?;
    let after = arrivals(rig)?;
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        ensure!(
            at == 1 || before == after,
            "frames arrived at a station they were not for"
        );
    }
    let delivered = after[1] - before[1];
    let lost = u64::from(count).checked_sub(delivered);
    ensure!(lost.is_some(), "frames arrived twice");
    Ok(Sample::rate("", Unit::Mpps, delivered, elapsed).lost(lost.unwrap_or(0)))
}
