//! Congestion control.

use anyhow::Result;
use netbridge_common::bench::BenchConf;

use super::frames::{
    SMALLEST, Sender, arrivals, can_switch, delivered, frame, inject_at_once, learn_stations,
    percent, with_sinks,
};
use crate::bench::{
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
};

/// Frames that a sender hands over at a time: as many as the ring of a veth pair holds.
const BURST: u32 = 256;

/// The stations: one sends to the congested port alone, the other to both ports in turn.
const TO_ONE: usize = 0;
const TO_BOTH: usize = 1;
const CONGESTED: usize = 3;

/// Two senders, a congested and an uncongested port.
pub(in crate::bench) const TEST: Test = Test {
    name: "holb",
    about: "head-of-line blocking (RFC 2889 5.5): loss at an uncongested port, and at the congested \
            one, which takes half of what two senders offer it; 0 at the uncongested one is none",
    quick: false,
    between_stacks: false,
    applies: can_switch,
    run: |datapath, pace| {
        let mut rig = with_sinks(datapath, RigOptions::stations(4))?;
        learn_stations(&mut rig)?;
        congest(&mut rig, pace.frames / 4)
    },
};

fn congest(rig: &mut Rig, half: u32) -> Result<Vec<Sample>> {
    let both = BenchConf {
        targets: 2,
        stations: 4,
        sender: u32::try_from(TO_BOTH)?,
        ..BenchConf::default()
    };
    for (from, conf) in [(TO_ONE, BenchConf::default()), (TO_BOTH, both)] {
        rig.tools.configure(rig.stations[from].ifindex, conf)?;
    }
    let senders = [TO_ONE, TO_BOTH].map(|from| Sender {
        from,
        cpu: from,
        frame: frame(
            rig.stations[CONGESTED].mac,
            rig.stations[from].mac,
            SMALLEST,
        ),
        count: 2 * half,
    });
    let (free, congested) = (u64::from(half), 3 * u64::from(half));
    // How fast the senders are, then the same again with a station that is half as fast.
    let elapsed = inject_at_once(rig, &senders, BURST)?;
    let gap = elapsed * 2 / u32::try_from(congested)?;
    let slow = rig.stations[CONGESTED].ifindex;
    rig.tools.slow_down(slow, gap)?;
    let before = arrivals(rig)?;
    inject_at_once(rig, &senders, BURST)?;
    let arrived = delivered(rig, &before, &[0, 0, free, congested])?;
    let loss = |name, sent: u64, arrived: u64| {
        let lost = sent - arrived;
        Sample::new(name, Unit::LossPercent, percent(lost, sent)).lost(lost)
    };
    Ok(vec![
        loss("head_of_line_loss", free, arrived[2]),
        loss("congested_port_loss", congested, arrived[3]),
    ])
}
