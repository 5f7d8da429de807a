//! Time to make 100 interfaces ports; for 1,000 see [`super::memory`].

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
    about: "time to attach 100 ports to a bridge",
    quick: false,
    between_stacks: false,
    applies: Datapath::is_contender,
    run: |datapath, _| Ok(vec![attach(datapath)?]),
};

const PORTS: usize = 100;

fn attach(datapath: Datapath) -> Result<Sample> {
    let ports = ManyPorts::new(PORTS)?;
    let millis = ports.host.run(|| -> Result<f64> {
        let mut bridge = Empty::new(datapath, LoadOptions::default(), false)?;
        let started = Instant::now();
        ports.attach(datapath, &mut bridge)?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    })??;
    Ok(Sample::new("attach_100", Unit::Millis, millis))
}
