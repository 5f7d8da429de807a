//! Generated frames: sent by one station, counted where they arrive.

use std::{mem, thread, time::Duration};

use anyhow::{Result, ensure};
use netbridge_common::bench::BenchConf;

use super::{joined, pin};
use crate::bench::{
    Datapath,
    rig::{Rig, RigOptions},
    tools::BATCH,
};

/// The smallest frame that Ethernet has, FCS included.
pub(super) const SMALLEST: usize = 64;

/// How long nothing arrives once a process has forwarded all that it has.
const SETTLING: Duration = Duration::from_millis(20);

/// Generated frames enter by a port's driver, which macvlan does not have and which takes none with
/// netkit; and they are no IP, so that rules for it would not see them.
pub(super) const fn can_generate(datapath: Datapath) -> bool {
    !matches!(
        datapath,
        Datapath::Macvlan | Datapath::Netkit | Datapath::LinuxBridgeNf
    ) && !datapath.is_docker()
}

/// Says whether generated frames can go to more than one other station.
pub(super) const fn can_switch(datapath: Datapath) -> bool {
    datapath.is_bridge() && can_generate(datapath)
}

/// A rig whose stations count what arrives and drop it.
pub(super) fn with_sinks(datapath: Datapath, options: RigOptions) -> Result<Rig> {
    let mut rig = Rig::build(datapath, options)?;
    if datapath == Datapath::Ovs {
        rig.ports_take_in(true)?;
    }
    for station in &rig.stations {
        let tools = &mut rig.tools;
        station
            .netns
            .run(|| tools.attach_sink(datapath.is_xdp(), "eth0"))??;
    }
    Ok(rig)
}

/// Sends `count` frames of `len` octets (with FCS, as RFC 2544 counts them) from one station to
/// another, all on CPU 0, and says how long that took.
pub(super) fn send(
    rig: &mut Rig,
    (from, to): (usize, usize),
    len: usize,
    conf: BenchConf,
    count: u32,
) -> Result<Duration> {
    let frame = frame(rig.stations[to].mac, rig.stations[from].mac, len);
    inject(rig, from, &frame, conf, count)
}

/// Sends `count` times `frame` from a station.
pub(super) fn inject(
    rig: &mut Rig,
    from: usize,
    frame: &[u8],
    conf: BenchConf,
    count: u32,
) -> Result<Duration> {
    rig.tools.configure(rig.stations[from].ifindex, conf)?;
    inject_on(rig, (from, 0), frame, (count, BATCH))
}

/// Sends `count` times `frame` from a station on a CPU, `batch` at a time, as it was configured.
pub(super) fn inject_on(
    rig: &Rig,
    (from, cpu): (usize, usize),
    frame: &[u8],
    (count, batch): (u32, u32),
) -> Result<Duration> {
    let station = &rig.stations[from];
    station.netns.run(|| {
        pin(cpu)?;
        rig.tools.generate(frame, station.ifindex, count, batch)
    })?
}

/// What one of several stations sends at the same time.
pub(super) struct Sender {
    /// The station.
    pub(super) from: usize,
    /// The CPU that it sends on.
    pub(super) cpu: usize,
    /// The frame.
    pub(super) frame: Vec<u8>,
    /// How often.
    pub(super) count: u32,
}

/// Lets all senders send, those of one CPU one after the other, `batch` frames at a time; says how
/// long the CPU took that took longest.
pub(super) fn inject_at_once(rig: &Rig, senders: &[Sender], batch: u32) -> Result<Duration> {
    thread::scope(|scope| {
        let threads = [0, 1].map(|cpu| {
            scope.spawn(move || {
                let own = senders.iter().filter(|sender| sender.cpu == cpu);
                own.map(|sender| {
                    let count = (sender.count, batch);
                    inject_on(rig, (sender.from, cpu), &sender.frame, count)
                })
                .sum::<Result<Duration>>()
            })
        });
        let took = threads.map(|thread| joined(thread.join()));
        took.into_iter()
            .try_fold(Duration::ZERO, |longest, took| Ok(longest.max(took?)))
    })
}

/// Learning frames (RFC 2889 5.1): lets the bridge see every station's address where it is.
pub(super) fn learn_stations(rig: &mut Rig) -> Result<()> {
    for from in 0..rig.stations.len() {
        let to = (from + 1) % rig.stations.len();
        send(rig, (from, to), SMALLEST, BenchConf::default(), BATCH)?;
    }
    Ok(())
}

/// A frame of a local experimental `EtherType` (0x88b5) with `len` octets, FCS among them.
pub(super) fn frame(dst: [u8; 6], src: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(len);
    frame.extend(dst);
    frame.extend(src);
    frame.extend([0x88, 0xb5]);
    frame.resize(len.saturating_sub(4).max(60), 0);
    frame
}

/// Frames that have arrived at each station so far.
pub(super) fn arrivals(rig: &Rig) -> Result<Vec<u64>> {
    let arrived = |station: &crate::bench::rig::Station| rig.tools.arrived(station.ifindex);
    let count = || rig.stations.iter().map(arrived).collect::<Result<Vec<_>>>();
    if rig.datapath != Datapath::Ovs {
        return count();
    }
    // Elsewhere a frame has arrived before the generator goes on; a process takes its time.
    let mut now = count()?;
    loop {
        thread::sleep(SETTLING);
        let before = mem::replace(&mut now, count()?);
        if now == before {
            return Ok(now);
        }
    }
}

/// What has arrived at each station since `before`.
///
/// A bridge that is fast but wrong scores nothing: more than `sent` says for a station, so a
/// duplicate or a frame at a station that it was not for, is an error.
pub(super) fn delivered(rig: &Rig, before: &[u64], sent: &[u64]) -> Result<Vec<u64>> {
    let after = arrivals(rig)?;
    let delivered: Vec<u64> = before.iter().zip(after).map(|(b, a)| a - b).collect();
    for (number, (delivered, sent)) in (1..).zip(delivered.iter().zip(sent)) {
        ensure!(
            delivered <= sent,
            "{delivered} frames arrived at station {number}, which {sent} were for"
        );
    }
    Ok(delivered)
}

/// A share in per cent.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
