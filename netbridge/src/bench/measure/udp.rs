//! Small UDP frames between stacks.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{SERVER_PORT, joined, pin};
use crate::bench::{
    rig::{Rig, RigOptions},
    sample::{Sample, Unit},
    test::Test,
};

/// Payload of a small UDP frame: with its headers the smallest that Ethernet has.
const SMALL_PAYLOAD: usize = 18;

/// Small UDP frames, counted where they are received.
pub(in crate::bench) const TEST: Test = Test {
    name: "udp",
    about: "smallest UDP frames from one stack to another, counted where they are received",
    quick: true,
    between_stacks: true,
    applies: |_| true,
    run: |datapath, pace| {
        let rig = Rig::build(datapath, RigOptions::stations(2))?;
        Ok(vec![udp_small(&rig, pace.stack)?])
    },
};

/// Smallest UDP frames from one stack to the other; counts those received.
fn udp_small(rig: &Rig, duration: Duration) -> Result<Sample> {
    let (from, to) = (&rig.stations[0], &rig.stations[1]);
    let address = SocketAddr::from((to.address, SERVER_PORT));
    let server = to.netns.run(|| UdpSocket::bind(address))??;
    server.set_read_timeout(Some(Duration::from_millis(100)))?;
    let client = from.netns.run(|| UdpSocket::bind((from.address, 0)))??;
    client.connect(address)?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| -> Result<u64> {
            pin(1)?;
            let mut buffer = [0; 2048];
            let mut count = 0;
            // Reads on after the sender is done, until the queue is empty.
            loop {
                match server.recv(&mut buffer) {
                    Ok(_) => count += 1,
                    Err(_) if done.load(Ordering::Relaxed) => return Ok(count),
                    Err(_) => {}
                }
            }
        });
        let sender = scope.spawn(|| -> Result<(u64, Duration)> {
            pin(0)?;
            let started = Instant::now();
            let mut count = 0;
            while started.elapsed() < duration {
                for _ in 0..64 {
                    // A full queue is the receiver's business: what counts is what arrives.
                    count += u64::from(client.send(&[0; SMALL_PAYLOAD]).is_ok());
                }
            }
            Ok((count, started.elapsed()))
        });
        let sent = joined(sender.join());
        done.store(true, Ordering::Relaxed);
        let received = joined(receiver.join())?;
        let (sent, elapsed) = sent?;
        Ok(Sample::rate("udp_small", Unit::Mpps, received, elapsed)
            .lost(sent.saturating_sub(received)))
    })
}
