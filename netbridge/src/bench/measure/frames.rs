//! Generated frames: sent by one station, counted where they arrive.

use std::{mem, thread, time::Duration};

use anyhow::Result;
use netbridge_common::bench::BenchConf;

use super::pin;
use crate::bench::{
    Datapath,
    rig::{Rig, RigOptions},
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
    )
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
    let station = &rig.stations[from];
    let tools = &mut rig.tools;
    station.netns.run(|| {
        pin(0)?;
        tools.generate(frame, station.ifindex, conf, count)
    })?
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
