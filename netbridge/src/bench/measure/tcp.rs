//! TCP streams between stacks.

use std::{
    net::{TcpListener, TcpStream},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{SERVER_PORT, cpu, joined, pin};
use crate::bench::{
    rig::{Rig, RigOptions, Station},
    sample::{Sample, Unit},
    test::Test,
};

/// TCP streams, one and eight at once.
pub(in crate::bench) const STREAM: Test = Test {
    name: "tcp",
    about: "TCP streams from one stack to another, 1 and 8 at once, and what a gigabyte of the one \
            costs all CPUs",
    quick: true,
    between_stacks: true,
    applies: |datapath| !datapath.is_docker(),
    run: |datapath, pace| {
        let rig = Rig::build(datapath, RigOptions::stations(2))?;
        let mut samples = one_stream(&rig.stations, pace.stack)?;
        let (octets, elapsed) = stream(&rig.stations, 8, pace.stack)?;
        samples.push(rate("tcp_stream_8", octets, elapsed));
        Ok(samples)
    },
};

/// One stream, and what it costs.
pub(super) fn one_stream(stations: &[Station], duration: Duration) -> Result<Vec<Sample>> {
    let busy = cpu::busy()?;
    let (octets, elapsed) = stream(stations, 1, duration)?;
    let busy = cpu::busy()?.saturating_sub(busy);
    #[expect(clippy::cast_precision_loss, reason = "octets below 2^52")]
    let cost = busy.as_secs_f64() / (octets.max(1) as f64 / 1e9);
    Ok(vec![
        rate("tcp_stream", octets, elapsed),
        Sample::new("tcp_stream_cpu", Unit::CpuSecondsPerGigabyte, cost),
    ])
}

fn rate(name: &str, octets: u64, elapsed: Duration) -> Sample {
    Sample::rate(name, Unit::GigabitsPerSecond, octets * 8, elapsed)
}

/// TCP streams from one stack to the other, all at once; counts octets received, and the time until
/// the last has come.
fn stream(stations: &[Station], streams: usize, duration: Duration) -> Result<(u64, Duration)> {
    let (from, to) = (&stations[0], &stations[1]);
    let listener = to
        .netns
        .run(|| TcpListener::bind((to.address, SERVER_PORT)))??;
    let address = listener.local_addr()?;
    let start = Barrier::new(streams + 1);
    thread::scope(|scope| {
        let mut receivers = Vec::new();
        let mut senders = Vec::new();
        for _ in 0..streams {
            let client = from.netns.run(|| TcpStream::connect(address))??;
            let (server, _) = listener.accept()?;
            receivers.push(scope.spawn(move || {
                pin(1)?;
                crate::demo::tcp::drain(server)
            }));
            let start = &start;
            senders.push(scope.spawn(move || {
                pin(0)?;
                start.wait();
                crate::demo::tcp::fill(client, duration)
            }));
        }
        start.wait();
        let started = Instant::now();
        for sender in senders {
            joined(sender.join())?;
        }
        let octets = receivers
            .into_iter()
            .map(|receiver| joined(receiver.join()))
            .sum::<Result<u64>>()?;
        Ok((octets, started.elapsed()))
    })
}
