//! Soft reset: the daemon is killed and started again while frames flow.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    datagrams::{SMALL_PAYLOAD, drain, sockets},
    joined, pin,
};
use crate::bench::{
    Datapath,
    daemon::{Daemon, PLACES},
    mounts,
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::{Pace, Test},
};

/// Datagrams a second: well below what any datapath can do, so that every loss is the reset's.
const RATE: u32 = 20_000;

/// Most datagrams at once, after the sender had to wait for its CPU: a queue of a port has room for
/// 256.
const BURST: u128 = 64;

/// Frames lost by a soft reset.
pub(in crate::bench) const TEST: Test = Test {
    name: "reset",
    about: "frames lost while `netbridge serve` is killed with SIGKILL and started again, of a \
            UDP stream of 20,000 a second (soft reset, RFC 6201)",
    quick: false,
    between_stacks: true,
    applies: |datapath| matches!(datapath, Datapath::NetbridgeTc | Datapath::NetbridgeXdp),
    run: |datapath, pace| {
        let test = || {
            mounts::make_private(&PLACES)?;
            soft_reset(datapath, pace)
        };
        thread::scope(|scope| joined(scope.spawn(test).join()))
    },
};

fn soft_reset(datapath: Datapath, pace: &Pace) -> Result<Vec<Sample>> {
    let options = RigOptions {
        pinned: true,
        ..RigOptions::stations(2)
    };
    let rig = Rig::build(datapath, options)?;
    let (client, server) = sockets(&rig.stations)?;
    let quarter = pace.stack / 2;
    let daemon = Daemon::start(&rig.host)?;
    let (sent_all, received_all) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sent, received) = thread::scope(|scope| -> Result<(u64, u64)> {
        let receiver = scope.spawn(|| receive(&server, &received_all));
        let sender = scope.spawn(|| send(&client, &sent_all));
        let reset = || -> Result<()> {
            thread::sleep(quarter);
            drop(daemon);
            thread::sleep(quarter);
            let _again = Daemon::start(&rig.host)?;
            thread::sleep(quarter);
            Ok(())
        };
        let reset = reset();
        sent_all.store(true, Ordering::Relaxed);
        let sent = joined(sender.join());
        received_all.store(true, Ordering::Relaxed);
        let received = joined(receiver.join());
        reset?;
        Ok((sent?, received?))
    })?;
    ensure!(received <= sent, "more datagrams arrived than were sent");
    let lost = sent - received;
    #[expect(clippy::cast_precision_loss, reason = "frames below 2^52")]
    let value = lost as f64;
    Ok(vec![
        Sample::new("reset_lost", Unit::Lost, value).lost(lost),
    ])
}

/// Sends numbered datagrams at [`RATE`] until told to end; returns how many.
fn send(client: &UdpSocket, done: &AtomicBool) -> Result<u64> {
    pin(0)?;
    let started = Instant::now();
    let mut count: u64 = 0;
    while !done.load(Ordering::Relaxed) {
        let due = u128::from(RATE) * started.elapsed().as_nanos() / 1_000_000_000;
        let due = due.min(u128::from(count) + BURST);
        while u128::from(count) < due {
            let mut payload = [0; SMALL_PAYLOAD];
            payload[..8].copy_from_slice(&count.to_be_bytes());
            client.send(&payload).context("send a datagram")?;
            count += 1;
        }
        thread::sleep(Duration::from_micros(500));
    }
    Ok(count)
}

/// Counts numbered datagrams, each of which may come once.
fn receive(server: &UdpSocket, done: &AtomicBool) -> Result<u64> {
    let mut seen = Vec::new();
    let mut strange: u64 = 0;
    drain(server, done, |payload| {
        let number = payload.first_chunk().copied().map(u64::from_be_bytes);
        match number.and_then(|number| usize::try_from(number).ok()) {
            Some(number) if number < 1 << 24 => {
                if seen.len() <= number {
                    seen.resize(number + 1, false);
                }
                strange += u64::from(std::mem::replace(&mut seen[number], true));
            }
            _ => strange += 1,
        }
    })?;
    ensure!(strange == 0, "{strange} datagrams arrived twice or spoilt");
    Ok(seen.iter().map(|seen| u64::from(*seen)).sum())
}
