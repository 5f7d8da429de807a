//! Many stations that send at once: to each other, and all to one.

use anyhow::Result;
use netbridge_common::bench::BenchConf;

use super::frames::{
    SMALLEST, Sender, arrivals, can_switch, delivered, frame, inject_at_once, learn_stations,
    with_sinks,
};
use crate::bench::{
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
    tools::BATCH,
};

/// Stations of both patterns.
const STATIONS: u32 = 4;

/// The patterns of RFC 2889, at four ports.
pub(in crate::bench) const TEST: Test = Test {
    name: "meshed",
    about: "fully meshed (RFC 2889 5.1) and many-to-one (5.2) forwarding rate of 4 ports, 2 CPUs",
    quick: false,
    between_stacks: false,
    applies: can_switch,
    run: |datapath, pace| {
        let mut rig = with_sinks(datapath, RigOptions::stations(STATIONS))?;
        learn_stations(&mut rig)?;
        Ok(vec![
            fully_meshed(&mut rig, pace.frames)?,
            many_to_one(&mut rig, pace.frames)?,
        ])
    },
};

/// Every station sends to every other in turn.
fn fully_meshed(rig: &mut Rig, count: u32) -> Result<Sample> {
    let others = STATIONS - 1;
    // To each of the others the same number of frames.
    let each = count / STATIONS / others;
    let mut senders = Vec::new();
    for (number, from) in (0..STATIONS).zip(0..) {
        let conf = BenchConf {
            targets: others,
            stations: STATIONS,
            sender: number,
            ..BenchConf::default()
        };
        rig.tools.configure(rig.stations[from].ifindex, conf)?;
        senders.push(sender(rig, from, (from + 1) % 4, each * others));
    }
    let wanted = [u64::from(each * others); 4];
    measure(rig, "fully_meshed_4", &senders, &wanted)
}

/// All but the last send to the last; the CPUs send equally much.
fn many_to_one(rig: &mut Rig, count: u32) -> Result<Sample> {
    for station in &rig.stations {
        rig.tools.configure(station.ifindex, BenchConf::default())?;
    }
    let quarter = count / 4;
    let senders = [(0, quarter), (1, 2 * quarter), (2, quarter)]
        .map(|(from, count)| sender(rig, from, 3, count));
    let wanted = [0, 0, 0, u64::from(4 * quarter)];
    measure(rig, "many_to_one_4", &senders, &wanted)
}

fn sender(rig: &Rig, from: usize, to: usize, count: u32) -> Sender {
    Sender {
        from,
        cpu: from % 2,
        frame: frame(rig.stations[to].mac, rig.stations[from].mac, SMALLEST),
        count,
    }
}

fn measure(rig: &Rig, name: &str, senders: &[Sender], wanted: &[u64]) -> Result<Sample> {
    let before = arrivals(rig)?;
    let elapsed = inject_at_once(rig, senders, BATCH)?;
    let delivered: u64 = delivered(rig, &before, wanted)?.iter().sum();
    let lost = wanted.iter().sum::<u64>() - delivered;
    Ok(Sample::rate(name, Unit::Mpps, delivered, elapsed).lost(lost))
}
