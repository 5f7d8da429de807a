//! Small UDP frames between stacks.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    cpu,
    datagrams::{SMALL_PAYLOAD, drain, sockets},
    joined, pin,
};
use crate::bench::{
    rig::{Rig, RigOptions, Station},
    sample::{Sample, Unit},
    test::Test,
};

/// Small UDP frames, counted where they are received.
pub(in crate::bench) const TEST: Test = Test {
    name: "udp",
    about: "smallest UDP frames from one stack to another, counted where they are received, and \
            what a million of them costs all CPUs",
    quick: true,
    between_stacks: true,
    applies: |datapath| !datapath.is_docker(),
    run: |datapath, pace| {
        let rig = Rig::build(datapath, RigOptions::stations(2))?;
        udp_small(&rig.stations, pace.stack)
    },
};

/// Smallest UDP frames from one stack to the other; counts those received.
pub(super) fn udp_small(stations: &[Station], duration: Duration) -> Result<Vec<Sample>> {
    let (client, server) = sockets(stations)?;
    let done = AtomicBool::new(false);
    let busy = cpu::busy()?;
    let (sent, received, elapsed) = thread::scope(|scope| -> Result<_> {
        let receiver = scope.spawn(|| -> Result<u64> {
            let mut count = 0;
            drain(&server, &done, |_| count += 1)?;
            Ok(count)
        });
        let sender = scope.spawn(|| send(&client, duration));
        let sent = joined(sender.join());
        done.store(true, Ordering::Relaxed);
        let received = joined(receiver.join())?;
        let (sent, elapsed) = sent?;
        Ok((sent, received, elapsed))
    })?;
    let busy = cpu::busy()?.saturating_sub(busy);
    #[expect(clippy::cast_precision_loss, reason = "frames below 2^52")]
    let cost = busy.as_secs_f64() / (received.max(1) as f64 / 1e6);
    Ok(vec![
        Sample::rate("udp_small", Unit::Mpps, received, elapsed)
            .lost(sent.saturating_sub(received)),
        Sample::new("udp_small_cpu", Unit::CpuSecondsPerMillion, cost),
    ])
}

/// Sends for `duration` as fast as the stack lets it; returns how many, and how long that took.
fn send(client: &UdpSocket, duration: Duration) -> Result<(u64, Duration)> {
    pin(0)?;
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < duration {
        for _ in 0..64 {
            // A full queue is the datapath's business: what counts is what arrives.
            count += u64::from(client.send(&[0; SMALL_PAYLOAD]).is_ok());
        }
    }
    Ok((count, started.elapsed()))
}
