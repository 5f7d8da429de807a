//! Time to make interfaces ports.

use std::time::Instant;

use anyhow::Result;

use super::many_ports::{Empty, ManyPorts};
use crate::{
    bench::{
        Datapath,
        sample::{Sample, Unit},
        test::Test,
    },
    datapath::LoadOptions,
};

/// From interfaces that are there and up to a bridge with all of them as ports.
pub(in crate::bench) const TEST: Test = Test {
    name: "attach",
    about: "time to attach 100 and 1,000 ports to a bridge",
    quick: false,
    between_stacks: false,
    applies: |datapath| {
        matches!(
            datapath,
            Datapath::LinuxBridge | Datapath::NetbridgeTc | Datapath::NetbridgeXdp
        )
    },
    run: |datapath, _| {
        [100, 1000]
            .iter()
            .map(|count| attach(datapath, *count))
            .collect()
    },
};

fn attach(datapath: Datapath, count: usize) -> Result<Sample> {
    let ports = ManyPorts::new(count)?;
    let millis = ports.host.run(|| -> Result<f64> {
        let mut bridge = Empty::new(datapath, LoadOptions::default())?;
        let started = Instant::now();
        ports.attach(datapath, &mut bridge)?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    })??;
    Ok(Sample::new(
        &format!("attach_{count}"),
        Unit::Millis,
        millis,
    ))
}
