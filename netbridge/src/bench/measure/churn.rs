//! Forwarding while somebody changes the FDB.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use netbridge_common::{MacAddr, PortId};

use super::{
    frames::{SMALLEST, with_sinks},
    joined, pin,
    throughput::forward,
};
use crate::{
    bench::{
        Datapath,
        rig::{Rig, RigOptions},
        sample::Sample,
        test::Test,
    },
    bridge::Bridge,
    fdb::EntryKind,
    net::Links,
};

/// Changes a second.
const RATES: [u32; 4] = [0, 100, 1_000, 10_000];
/// How long the one who changes sleeps between two rounds.
const NAP: Duration = Duration::from_micros(500);

/// The forwarding rate at several rates of changes.
pub(in crate::bench) const TEST: Test = Test {
    name: "churn",
    about: "forwarding rate of 64-octet frames while 0 to 10,000 FDB entries a second are added \
            and removed on another CPU",
    quick: false,
    between_stacks: false,
    applies: Datapath::is_contender,
    run: |datapath, pace| {
        let mut rig = with_sinks(datapath, RigOptions::stations(2))?;
        RATES
            .iter()
            .map(|rate| {
                let sample = with_churn(&mut rig, *rate, pace.frames)?;
                Ok(sample.named(&format!("churn_{rate}")))
            })
            .collect()
    },
};

/// Whoever adds and removes entries.
enum Control {
    /// By netlink, as `bridge fdb` does.
    Linux { links: Links, port: u32 },
    /// By the maps, as `netbridge fdb` does.
    Netbridge { bridge: Box<Bridge>, port: PortId },
}

impl Control {
    fn of(rig: &Rig) -> Result<Self> {
        let ifindex = rig.stations[1].ifindex;
        let Some(dir) = rig.bridge.clone() else {
            let links = Links::within(&rig.host)?;
            let port = ifindex;
            return Ok(Self::Linux { links, port });
        };
        let bridge = Box::new(rig.host.run(|| Bridge::open_dir(dir))??);
        let port = bridge.maps().port_of(ifindex).context("no such port")?;
        Ok(Self::Netbridge { bridge, port })
    }

    /// Adds an entry if `number` is even, and removes it again after that.
    fn change(&mut self, number: u32) -> Result<()> {
        let mut mac = [0x06, 0, 0, 0, 0, 0];
        mac[2..].copy_from_slice(&(number / 2).to_be_bytes());
        let add = number.is_multiple_of(2);
        match self {
            Self::Linux { links, port } if add => links.add_fdb_entry(*port, mac)?,
            Self::Linux { links, port } => links.del_fdb_entry(*port, mac)?,
            Self::Netbridge { bridge, port } if add => {
                bridge.add_fdb_entry(MacAddr(mac), *port, EntryKind::Static)?;
            }
            Self::Netbridge { bridge, .. } => {
                ensure!(bridge.del_fdb_entry(MacAddr(mac))?, "an entry was gone");
            }
        }
        Ok(())
    }
}

/// Forwards `count` frames while the FDB changes `rate` times a second.
fn with_churn(rig: &mut Rig, rate: u32, count: u32) -> Result<Sample> {
    let control = Control::of(rig)?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let churner = scope.spawn(|| churn(control, rate, &done));
        let sample = forward(rig, SMALLEST, 1, count);
        done.store(true, Ordering::Relaxed);
        joined(churner.join())?;
        sample
    })
}

fn churn(mut control: Control, rate: u32, done: &AtomicBool) -> Result<()> {
    pin(1)?;
    let started = Instant::now();
    let mut made = 0;
    let mut due = 0;
    while !done.load(Ordering::Relaxed) {
        due = u32::try_from(u128::from(rate) * started.elapsed().as_nanos() / 1_000_000_000)?;
        let end = Instant::now() + 20 * NAP;
        while made < due && Instant::now() < end {
            control.change(made)?;
            made += 1;
        }
        thread::sleep(NAP);
    }
    ensure!(
        made >= due - due / 10,
        "only {made} of {due} changes could be made"
    );
    Ok(())
}
