//! TCP streams between stacks.

use std::{
    net::{TcpListener, TcpStream},
    sync::Barrier,
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

/// TCP streams, one and eight at once.
pub(in crate::bench) const STREAM: Test = Test {
    name: "tcp",
    about: "TCP streams from one stack to another, 1 and 8 at once",
    quick: true,
    between_stacks: true,
    applies: |_| true,
    run: |datapath, pace| {
        let rig = Rig::build(datapath, RigOptions::stations(2))?;
        [1, 8]
            .into_iter()
            .map(|streams| stream(&rig, streams, pace.stack))
            .collect()
    },
};

/// TCP streams from one stack to the other, all at once; counts octets received.
fn stream(rig: &Rig, streams: usize, duration: Duration) -> Result<Sample> {
    let (from, to) = (&rig.stations[0], &rig.stations[1]);
    let listener = to
        .netns
        .run(|| TcpListener::bind((to.address, SERVER_PORT)))??;
    let address = listener.local_addr()?;
    let start = Barrier::new(streams + 1);
    let (octets, elapsed) = thread::scope(|scope| -> Result<(u64, Duration)> {
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
    })?;
    let name = if streams == 1 {
        "tcp_stream".to_owned()
    } else {
        format!("tcp_stream_{streams}")
    };
    Ok(Sample::rate(
        &name,
        Unit::GigabitsPerSecond,
        octets * 8,
        elapsed,
    ))
}
