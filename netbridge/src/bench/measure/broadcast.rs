//! Broadcast forwarding rate.

use anyhow::{Result, ensure};
use netbridge_common::bench::BenchConf;

use super::frames::{SMALLEST, arrivals, can_switch, frame, inject, with_sinks};
use crate::bench::{
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
};

/// Copies of broadcasts that arrive.
pub(in crate::bench) const TEST: Test = Test {
    name: "broadcast",
    about: "broadcast forwarding rate (RFC 2889 5.10): copies that arrive, by ports of the bridge",
    quick: true,
    between_stacks: false,
    applies: can_switch,
    run: |datapath, pace| {
        let ports: &[u32] = if pace.quick { &[16] } else { &[4, 16, 64] };
        ports
            .iter()
            .map(|ports| {
                let mut rig = with_sinks(datapath, RigOptions::stations(*ports))?;
                broadcast(&mut rig, pace.frames / ports)
            })
            .collect()
    },
};

/// Frames of 64 octets from the first station to all others; counts copies that arrive.
fn broadcast(rig: &mut Rig, count: u32) -> Result<Sample> {
    let frame = frame([0xff; 6], rig.stations[0].mac, SMALLEST);
    let conf = BenchConf::default();
    inject(rig, 0, &frame, conf, count / 16)?;
    let before = arrivals(rig)?;
    let elapsed = inject(rig, 0, &frame, conf, count)?;
    let after = arrivals(rig)?;
    let mut lost = 0;
    let mut copies = 0;
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        let arrived = after - before;
        let wanted = if at == 0 { 0 } else { u64::from(count) };
        ensure!(arrived <= wanted, "copies arrived twice, or came back");
        lost += wanted - arrived;
        copies += arrived;
    }
    let name = format!("broadcast_{}_ports", rig.stations.len());
    Ok(Sample::rate(&name, Unit::Mpps, copies, elapsed).lost(lost))
}
