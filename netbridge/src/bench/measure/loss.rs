//! Frame loss rate.

use std::time::Duration;

use anyhow::Result;
use netbridge_common::bench::BenchConf;

use super::frames::{
    SMALLEST, arrivals, can_generate, delivered, learn_stations, percent, send, with_sinks,
};
use crate::bench::{
    Datapath,
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
    thread::receive_on_a_thread,
};

/// How long a trial takes.
const TRIAL: Duration = Duration::from_millis(50);

/// Loads in steps of a tenth.
pub(in crate::bench) const TEST: Test = Test {
    name: "loss",
    about: "frame loss rate (RFC 2544 26.3) by load in steps of 10 % of the maximum forwarding \
            rate; one CPU sends, another forwards",
    quick: false,
    between_stacks: false,
    // A bare veth pair has no port that could run elsewhere.
    applies: |datapath| can_generate(datapath) && datapath != Datapath::Veth,
    run: |datapath, pace| {
        let mut rig = with_sinks(datapath, RigOptions::stations(2))?;
        learn_stations(&mut rig)?;
        receive_on_a_thread(&rig, 0)?;
        overload(&mut rig, pace.frames)?;
        let gap = overload(&mut rig, pace.frames)?;
        Ok(samples(&descend(|load| trial(&mut rig, gap, load))?))
    },
};

/// What became of the frames of one load.
#[derive(Clone, Copy, Debug)]
struct Trial {
    load: u32,
    sent: u64,
    lost: u64,
}

/// From full load down in steps of a tenth, until two successive trials lose nothing.
fn descend(mut trial: impl FnMut(u32) -> Result<Trial>) -> Result<Vec<Trial>> {
    let mut trials: Vec<Trial> = Vec::new();
    for load in (10..=100).rev().step_by(10) {
        trials.push(trial(load)?);
        if matches!(&trials[..], [.., a, b] if a.lost + b.lost == 0) {
            break;
        }
    }
    Ok(trials)
}

/// Offers as much as one CPU can; returns the time from one forwarded frame to the next.
fn overload(rig: &mut Rig, count: u32) -> Result<Duration> {
    let (elapsed, arrived) = offer(rig, BenchConf::default(), count)?;
    Ok(elapsed / u32::try_from(arrived.max(1))?)
}

/// Frames at `load` per cent of the rate of one each `gap`.
fn trial(rig: &mut Rig, gap: Duration, load: u32) -> Result<Trial> {
    let gap = u32::try_from((gap * 100 / load).as_nanos())?.max(1);
    let conf = BenchConf {
        gap,
        ..BenchConf::default()
    };
    let count = u32::try_from(TRIAL.as_nanos())? / gap;
    let (_, arrived) = offer(rig, conf, count)?;
    let sent = u64::from(count);
    Ok(Trial {
        load,
        sent,
        lost: sent - arrived,
    })
}

/// Frames from the first station to the second: how long it took to send them, how many arrived.
fn offer(rig: &mut Rig, conf: BenchConf, count: u32) -> Result<(Duration, u64)> {
    let before = arrivals(rig)?;
    let elapsed = send(rig, (0, 1), SMALLEST, conf, count)?;
    let arrived = delivered(rig, &before, &[0, u64::from(count)])?[1];
    Ok((elapsed, arrived))
}

/// The loss at full load, and the highest load that lost nothing, as all below it that were tried.
fn samples(trials: &[Trial]) -> Vec<Sample> {
    let mut samples = Vec::new();
    if let Some(full) = trials.first() {
        let loss = percent(full.lost, full.sent);
        samples.push(Sample::new("frame_loss_100", Unit::LossPercent, loss).lost(full.lost));
    }
    let lossless = trials.iter().rev().take_while(|trial| trial.lost == 0);
    let load = lossless.last().map_or(0, |trial| trial.load);
    samples.push(Sample::new(
        "lossless_load",
        Unit::LoadPercent,
        f64::from(load),
    ));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losing(lost: impl Fn(u32) -> u64) -> Vec<Trial> {
        descend(|load| {
            Ok(Trial {
                load,
                sent: 1000,
                lost: lost(load),
            })
        })
        .expect("trials")
    }

    fn loads(trials: &[Trial]) -> Vec<u32> {
        trials.iter().map(|trial| trial.load).collect()
    }

    #[test]
    fn two_lossless_trials_end_it() {
        assert_eq!(loads(&losing(|_| 0)), [100, 90]);
        let some = losing(|load| u64::from(load > 80 || load == 70));
        assert_eq!(loads(&some), [100, 90, 80, 70, 60, 50]);
        assert_eq!(losing(|_| 1).len(), 10);
    }

    #[test]
    fn the_lossless_load_has_no_loss_below() {
        let load = |trials: &[Trial]| samples(trials)[1].value;
        assert!((load(&losing(|load| u64::from(load == 70 || load > 80))) - 60.0).abs() < 1e-9);
        assert!((load(&losing(|_| 0)) - 100.0).abs() < 1e-9);
        assert!(load(&losing(|_| 1)).abs() < 1e-9);
    }

    #[test]
    fn the_loss_is_that_of_full_load() {
        let trials = losing(u64::from);
        assert!((samples(&trials)[0].value - 10.0).abs() < 1e-9);
    }
}
