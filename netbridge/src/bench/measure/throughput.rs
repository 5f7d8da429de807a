//! Throughput: one station sends to another, as fast as the CPU lets it.

use anyhow::Result;
use netbridge_common::bench::BenchConf;

use super::frames::{SMALLEST, arrivals, can_generate, can_switch, delivered, send, with_sinks};
use crate::bench::{
    Datapath,
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
};

/// Sizes of RFC 2544 9.1, FCS included.
const SIZES: [usize; 7] = [64, 128, 256, 512, 1024, 1280, 1518];

/// Frames of every size, one flow.
pub(in crate::bench) const THROUGHPUT: Test = Test {
    name: "throughput",
    about: "forwarding rate (RFC 2285 3.6.1) of frames of 64 to 1518 octets, one flow",
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

/// The smallest frames, of one flow and of many.
pub(in crate::bench) const FLOWS: Test = Test {
    name: "flows",
    about: "forwarding rate of 64-octet frames of 1, 1,000 and 100,000 flows, every address known",
    quick: true,
    between_stacks: false,
    // Open vSwitch floods what it has learned until its daemon has made a flow of it.
    applies: |datapath| can_generate(datapath) && datapath != Datapath::Ovs,
    run: |datapath, pace| {
        // Where a bridge can have one, a third station would see what is flooded.
        let stations = if can_switch(datapath) { 3 } else { 2 };
        let mut rig = with_sinks(datapath, RigOptions::stations(stations))?;
        let flows: &[u32] = if pace.quick {
            &[1000]
        } else {
            &[1, 1000, 100_000]
        };
        flows
            .iter()
            .map(|flows| {
                let sample = forward(&mut rig, SMALLEST, *flows, pace.frames)?;
                Ok(sample.named(&format!("flows_{flows}")))
            })
            .collect()
    },
};

/// Frames of `len` octets from the first station to the second, under `flows` pairs of addresses.
pub(super) fn forward(rig: &mut Rig, len: usize, flows: u32, count: u32) -> Result<Sample> {
    let conf = BenchConf {
        flows,
        ..BenchConf::default()
    };
    // Learning frames first (RFC 2889 5.1): every address is seen where it is.
    send(rig, (1, 0), len, conf, flows.max(64))?;
    send(rig, (0, 1), len, conf, flows.max(count / 16))?;
    let before = arrivals(rig)?;
    let elapsed = send(rig, (0, 1), len, conf, count)?;
    let count = u64::from(count);
    let delivered = delivered(rig, &before, &[0, count, 0])?[1];
    Ok(Sample::rate("", Unit::Mpps, delivered, elapsed).lost(count - delivered))
}
