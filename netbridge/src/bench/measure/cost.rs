//! Cost of a decision: the programs by themselves, run by `BPF_PROG_TEST_RUN`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::TestRun as _;
use netbridge_common::bench::name;

use super::{
    frames::{SMALLEST, frame},
    pin,
};
use crate::{
    bench::{
        Datapath,
        rig::{Rig, RigOptions},
        sample::{Sample, Unit},
        test::Test,
        tools::{frame_run, sk_buff, xdp_md},
    },
    bridge::Bridge,
    datapath::Programs,
};

/// Runs of a program that make one figure, and how often that is tried: the best counts.
pub(super) const REPEAT: u32 = 200_000;
const TRIES: usize = 5;

/// `TC_ACT_REDIRECT` and `XDP_REDIRECT`.
pub(super) const REDIRECT: [u32; 2] = [7, 4];

/// What the kernel spends in the program alone; nothing is sent.
pub(in crate::bench) const TEST: Test = Test {
    name: "cost",
    about: "time in the program for a frame of known unicast, with the flow cache and without",
    quick: false,
    between_stacks: false,
    applies: |datapath| {
        matches!(
            datapath,
            Datapath::NetbridgeTc
                | Datapath::NetbridgeXdp
                | Datapath::TcStatic
                | Datapath::XdpStatic
        )
    },
    run: |datapath, _| match datapath {
        Datapath::TcStatic => fixed(datapath, name::STATIC_TC, name::EMPTY_TC),
        Datapath::XdpStatic => fixed(datapath, name::STATIC_XDP, name::EMPTY_XDP),
        _ => [("cost_unicast", true), ("cost_no_cache", false)]
            .iter()
            .map(|(name, flow_cache)| decision(datapath, name, *flow_cache))
            .collect(),
    },
};

/// A redirect without a decision, and a program that does nothing.
fn fixed(datapath: Datapath, redirect: &str, empty: &str) -> Result<Vec<Sample>> {
    let mut rig = Rig::build(datapath, RigOptions::stations(2))?;
    let (one, two) = (&rig.stations[0], &rig.stations[1]);
    let (frame, ifindex) = (frame(two.mac, one.mac, SMALLEST), one.ifindex);
    let tools = &mut rig.tools;
    rig.host.run(|| -> Result<Vec<Sample>> {
        pin(0)?;
        let mut time = |name: &str| best(|| tools.time(name, &frame, ifindex, REPEAT));
        let redirect = time(redirect)?;
        Ok(vec![
            sample("cost_unicast", redirect),
            sample("cost_no_cache", redirect),
            sample("cost_empty", time(empty)?),
        ])
    })?
}

/// The bridge's program on a frame between two stations that it knows.
fn decision(datapath: Datapath, name: &str, flow_cache: bool) -> Result<Sample> {
    let options = RigOptions {
        flow_cache,
        ..RigOptions::stations(2)
    };
    let rig = Rig::build(datapath, options)?;
    let dir = rig.bridge.clone().context("no bridge")?;
    let (one, two) = (&rig.stations[0], &rig.stations[1]);
    let there = (frame(two.mac, one.mac, SMALLEST), one.ifindex);
    let back = (frame(one.mac, two.mac, SMALLEST), two.ifindex);
    let took = rig.host.run(|| -> Result<Duration> {
        pin(0)?;
        let mut bridge = Bridge::open_dir(dir)?;
        let programs = bridge.programs_mut();
        let mut run = |(frame, ifindex): &(Vec<u8>, u32), repeat| {
            run_once(
                programs,
                datapath == Datapath::NetbridgeXdp,
                frame,
                *ifindex,
                repeat,
            )
        };
        // Both stations are learned; the first copy of a flood does no harm.
        run(&there, 1)?;
        run(&back, 1)?;
        best(|| {
            let (action, took) = run(&there, REPEAT)?;
            ensure!(REDIRECT.contains(&action), "the program returned {action}");
            Ok(took)
        })
    })??;
    Ok(sample(name, took))
}

/// What the program returned, and the mean time of a run.
pub(super) fn run_once(
    programs: &mut Programs,
    xdp: bool,
    frame: &[u8],
    ifindex: u32,
    repeat: u32,
) -> Result<(u32, Duration)> {
    let result = if xdp {
        let ctx = xdp_md(u32::try_from(frame.len())?, ifindex);
        programs.xdp().test_run(frame_run(frame, &ctx, repeat))?
    } else {
        let ctx = sk_buff(ifindex);
        programs.tc().test_run(frame_run(frame, &ctx, repeat))?
    };
    Ok((result.return_value, result.duration))
}

pub(super) fn best(mut run: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..TRIES {
        best = best.min(run()?);
    }
    Ok(best)
}

pub(super) fn sample(name: &str, took: Duration) -> Sample {
    Sample::new(name, Unit::Nanos, took.as_secs_f64() * 1e9)
}
