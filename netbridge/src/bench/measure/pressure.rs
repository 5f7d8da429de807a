//! Maximum forwarding rate.

use anyhow::Result;
use netbridge_common::bench::BenchConf;

use super::frames::{
    SMALLEST, arrivals, can_generate, delivered, frame, inject_on, learn_stations, with_sinks,
};
use crate::bench::{
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
};

/// Burst sizes; the ring of a veth pair has 256 slots.
const BURSTS: [u32; 3] = [16, 64, 256];

/// Frames without a gap, in bursts of several sizes.
pub(in crate::bench) const TEST: Test = Test {
    name: "pressure",
    about: "maximum forwarding rate at any offered load (RFC 2889 5.6), and that at bursts of 256; \
            a veth pair has no inter-frame gap that forward pressure could shorten",
    quick: false,
    between_stacks: false,
    applies: can_generate,
    run: |datapath, pace| {
        let mut rig = with_sinks(datapath, RigOptions::stations(2))?;
        learn_stations(&mut rig)?;
        let conf = BenchConf::default();
        rig.tools.configure(rig.stations[0].ifindex, conf)?;
        let mut rates = Vec::new();
        for burst in BURSTS {
            rates.push(burst_rate(&rig, burst, pace.frames / 2)?);
        }
        Ok(samples(&rates))
    },
};

/// Forwarding rate of frames from the first station to the second, so many at a time.
fn burst_rate(rig: &Rig, burst: u32, count: u32) -> Result<Sample> {
    let frame = frame(rig.stations[1].mac, rig.stations[0].mac, SMALLEST);
    inject_on(rig, (0, 0), &frame, (count / 16, burst))?;
    let before = arrivals(rig)?;
    let elapsed = inject_on(rig, (0, 0), &frame, (count, burst))?;
    let count = u64::from(count);
    let delivered = delivered(rig, &before, &[0, count])?[1];
    Ok(Sample::rate("", Unit::Mpps, delivered, elapsed).lost(count - delivered))
}

/// The highest rate, and the one at the maximum offered load, which is the last.
fn samples(rates: &[Sample]) -> Vec<Sample> {
    let highest = rates.iter().max_by(|a, b| a.value.total_cmp(&b.value));
    let named = |rate: Option<&Sample>, name| rate.map(|rate| rate.clone().named(name));
    let maximum = named(highest, "maximum_forwarding_rate");
    let overload = named(rates.last(), "forwarding_rate_maximum_offered_load");
    maximum.into_iter().chain(overload).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_is_at_any_load() {
        let rates = [1.0, 3.0, 2.0].map(|rate| Sample::new("", Unit::Mpps, rate));
        let values: Vec<f64> = samples(&rates).iter().map(|sample| sample.value).collect();
        assert!((values[0] - 3.0).abs() < 1e-9 && (values[1] - 2.0).abs() < 1e-9);
    }
}
