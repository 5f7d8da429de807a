//! Broadcast forwarding rate.

use anyhow::{Result, ensure};
use netbridge_common::bench::BenchConf;

use super::frames::{SMALLEST, arrivals, can_switch, frame, inject_on, with_sinks};
use crate::bench::{
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
    tools::BATCH,
};

/// Copies that are on their way at a time: at TC and on the Linux bridge each waits in the CPU's
/// backlog, which holds 1,000 unless told otherwise.
const COPIES_AT_ONCE: u32 = 512;

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
    let ports = u32::try_from(rig.stations.len())?;
    let batch = (COPIES_AT_ONCE / ports).clamp(1, BATCH);
    rig.tools
        .configure(rig.stations[0].ifindex, BenchConf::default())?;
    inject_on(rig, (0, 0), &frame, (count / 16, batch))?;
    let before = arrivals(rig)?;
    let elapsed = inject_on(rig, (0, 0), &frame, (count, batch))?;
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
