//! TCP request and response between stacks.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{SERVER_PORT, joined, pin};
use crate::bench::{
    rig::{Rig, RigOptions, Station},
    sample::{Sample, Unit, percentile},
    test::Test,
};

/// How long a round takes.
pub(in crate::bench) const TEST: Test = Test {
    name: "latency",
    about: "one octet to and fro over TCP: p50, p99 and p99.9 of a round, between two CPUs and on one",
    quick: true,
    between_stacks: true,
    applies: |datapath| !datapath.is_docker(),
    run: |datapath, pace| {
        let rig = Rig::build(datapath, RigOptions::stations(2))?;
        let mut samples = round_trips(&rig.stations, "tcp_rr", 1, pace.stack)?;
        // Without the wake-up of another CPU, which costs more than all the rest on a virtual machine.
        samples.extend(round_trips(&rig.stations, "tcp_rr_one_cpu", 0, pace.stack)?);
        Ok(samples)
    },
};

/// One octet to and fro over TCP, with the server on a CPU; how long a round takes.
pub(super) fn round_trips(
    stations: &[Station],
    test: &str,
    cpu: usize,
    duration: Duration,
) -> Result<Vec<Sample>> {
    let (from, to) = (&stations[0], &stations[1]);
    let listener = to
        .netns
        .run(|| TcpListener::bind((to.address, SERVER_PORT)))??;
    let address = listener.local_addr()?;
    let mut client = from.netns.run(|| TcpStream::connect(address))??;
    let (mut server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    }
    let mut rounds = thread::scope(|scope| -> Result<Vec<u64>> {
        scope.spawn(move || -> Result<()> {
            pin(cpu)?;
            let mut octet = [0];
            while server.read(&mut octet)? == 1 {
                server.write_all(&octet)?;
            }
            Ok(())
        });
        let asking = scope.spawn(move || -> Result<Vec<u64>> {
            pin(0)?;
            let mut rounds = Vec::with_capacity(1 << 16);
            let started = Instant::now();
            while started.elapsed() < duration {
                let round = Instant::now();
                client.write_all(&[1])?;
                client.read_exact(&mut [0])?;
                rounds.push(u64::try_from(round.elapsed().as_nanos())?);
            }
            Ok(rounds)
        });
        joined(asking.join())
    })?;
    rounds.sort_unstable();
    let sample = |name: &str, percent: f64| {
        let nanos = percentile(&rounds, percent);
        Sample::new(&format!("{test}_{name}"), Unit::Micros, nanos / 1e3)
    };
    Ok(vec![
        sample("p50", 50.0),
        sample("p99", 99.0),
        sample("p99.9", 99.9),
    ])
}
