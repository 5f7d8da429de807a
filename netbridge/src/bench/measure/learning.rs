//! Address learning rate.

use netbridge_common::bench::BenchConf;

use super::frames::{SMALLEST, can_switch, send, with_sinks};
use crate::bench::{
    Datapath,
    rig::RigOptions,
    sample::{Sample, Unit},
    test::Test,
};

/// Addresses of one measurement.
const ADDRESSES: u32 = 60_000;

/// New source addresses, one a frame, as fast as they come.
pub(in crate::bench) const TEST: Test = Test {
    name: "learning",
    about: "address learning rate (RFC 2889 5.8): new source addresses, one a frame",
    quick: true,
    between_stacks: false,
    // With Open vSwitch the time would be that of frames dropped before it saw them.
    applies: |datapath| can_switch(datapath) && datapath != Datapath::Ovs,
    run: |datapath, _| {
        let mut rig = with_sinks(datapath, RigOptions::stations(2))?;
        let conf = BenchConf {
            flows: ADDRESSES,
            keep_dst: 1,
            ..BenchConf::default()
        };
        let elapsed = send(&mut rig, (0, 1), SMALLEST, conf, ADDRESSES)?;
        let rate = Sample::rate(
            "address_learning",
            Unit::MegaAddressesPerSecond,
            u64::from(ADDRESSES),
            elapsed,
        );
        Ok(vec![rate])
    },
};
