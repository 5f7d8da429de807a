//! Containers of a Docker engine, on its own bridge and on netbridge.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::socket::{Shutdown, shutdown};

use super::{SERVER_PORT, joined, latency::round_trips, pin, tcp::one_stream, udp::udp_small};
use crate::bench::{
    Datapath,
    rig::{Engine, Station},
    sample::{Sample, Unit, median},
    test::{Pace, Test},
};

/// What a user of Docker's sees of its networks.
pub(in crate::bench) const TEST: Test = Test {
    name: "docker",
    about: "two containers of a Docker engine: TCP stream, smallest UDP frames, one octet to and fro, \
            TCP connects one at a time; and how long a container takes to start, alone and of many",
    quick: false,
    between_stacks: true,
    applies: Datapath::is_docker,
    run: |datapath, pace| {
        let engine = Engine::start(datapath)?;
        let mut samples = between_two(&engine, pace)?;
        samples.extend(start_ups(&engine, pace)?);
        Ok(samples
            .into_iter()
            .map(|sample| {
                let name = format!("docker_{}", sample.test);
                sample.named(&name)
            })
            .collect())
    },
};

/// How many containers are started at once.
const AT_ONCE: usize = 4;
/// How many are started one after the other.
const ALONE: usize = 5;
/// How long either side of a connection waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stacks send from one container to another.
fn between_two(engine: &Engine, pace: &Pace) -> Result<Vec<Sample>> {
    let names = ["one", "two"].map(str::to_owned);
    for name in &names {
        engine.run(name)?;
    }
    let stations = engine.stations(&names)?;
    // Stacks and bridges know both from here on.
    for (from, to) in [(0, 1), (1, 0)] {
        connect(&stations[from], &stations[to], Duration::ZERO)?;
    }
    let mut samples = one_stream(&stations, pace.stack)?;
    samples.extend(udp_small(&stations, pace.stack)?);
    samples.extend(round_trips(&stations, "tcp_rr", 1, pace.stack)?);
    samples.extend(round_trips(&stations, "tcp_rr_one_cpu", 0, pace.stack)?);
    let (count, elapsed) = connect(&stations[0], &stations[1], pace.stack)?;
    samples.push(Sample::rate(
        "connects",
        Unit::ConnectsPerSecond,
        count,
        elapsed,
    ));
    Ok(samples)
}

/// Connects again and again, at least once; each connection is accepted and closed before the next.
/// Both sides are on one CPU, without the wake-up of another.
fn connect(from: &Station, to: &Station, duration: Duration) -> Result<(u64, Duration)> {
    let listener = to
        .netns
        .run(|| TcpListener::bind((to.address, SERVER_PORT)))??;
    let address = listener.local_addr()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let accepting = scope.spawn(|| accept(&listener, &done));
        let outcome = from.netns.run(|| connects(address, duration))?;
        done.store(true, Ordering::Relaxed);
        // It waits for another.
        shutdown(listener.as_raw_fd(), Shutdown::Both).context("end a listener")?;
        joined(accepting.join())?;
        outcome
    })
}

/// Accepts connections and closes them at once: the side that closes first is the one that keeps the
/// pair of ports for a while, and the other has many.
fn accept(listener: &TcpListener, done: &AtomicBool) -> Result<()> {
    pin(0)?;
    loop {
        match listener.accept() {
            Ok(stream) => drop(stream),
            Err(_) if done.load(Ordering::Relaxed) => return Ok(()),
            Err(error) => return Err(error).context("accept a TCP connection"),
        }
    }
}

fn connects(address: SocketAddr, duration: Duration) -> Result<(u64, Duration)> {
    pin(0)?;
    let started = Instant::now();
    let mut count = 0;
    loop {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).context("connect")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Until the other side has closed it.
        ensure!(stream.read(&mut [0])? == 0, "an octet that nobody sent");
        drop(stream);
        count += 1;
        let elapsed = started.elapsed();
        if elapsed >= duration {
            return Ok((count, elapsed));
        }
    }
}

/// How long `docker run` takes until a container is up: the middle of some, one after the other, and
/// per container of many, several at once.
fn start_ups(engine: &Engine, pace: &Pace) -> Result<Vec<Sample>> {
    let named = |kind: &str, count: usize| -> Vec<String> {
        (0..count).map(|number| format!("{kind}{number}")).collect()
    };
    let alone = named("alone", ALONE);
    let mut times = Vec::new();
    for name in &alone {
        let started = Instant::now();
        engine.run(name)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let many = named("many", if pace.quick { 10 } else { 100 });
    let turn = AtomicUsize::new(0);
    let start = || -> Result<()> {
        while let Some(name) = many.get(turn.fetch_add(1, Ordering::Relaxed)) {
            engine.run(name)?;
        }
        Ok(())
    };
    let started = Instant::now();
    thread::scope(|scope| -> Result<()> {
        let started: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(start)).collect();
        started
            .into_iter()
            .try_for_each(|thread| joined(thread.join()))
    })?;
    let each = started.elapsed() / u32::try_from(many.len())?;
    // Those that are not up with their addresses fail the test.
    for names in [&alone, &many] {
        engine.stations(names)?;
    }
    let name = format!("start_{}", many.len());
    Ok(vec![
        Sample::new("start_1", Unit::Millis, median(&times)),
        Sample::new(&name, Unit::Millis, each.as_secs_f64() * 1e3),
    ])
}
