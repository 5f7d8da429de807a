//! The tests: what is sent, what is counted, and in which unit.

use std::{
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use netbridge_common::bench::BenchConf;
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use super::{
    rig::Rig,
    sample::{Better, Sample, percentile},
};

/// Port of the tests' servers.
const SERVER_PORT: u16 = 5201;
/// Payload of a small UDP frame: with its headers the smallest that Ethernet has.
const SMALL_PAYLOAD: usize = 18;

/// How long the parts of a session take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Duration of a test with sockets.
    pub(super) stack: Duration,
    /// Frames of a test with the generator.
    pub(super) frames: u32,
}

/// Keeps the calling thread on one CPU, or on the only one there is.
pub(super) fn pin(cpu: usize) -> Result<()> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    set.set(cpu % cpus)?;
    sched_setaffinity(Pid::from_raw(0), &set).context("pin a thread to a CPU")
}

/// Frames of `len` octets (with FCS, as RFC 2544 counts them) from the first station to the
/// second, under `flows` pairs of addresses; all on one CPU.
pub(super) fn throughput(rig: &mut Rig, len: usize, flows: u32, count: u32) -> Result<Sample> {
    let conf = BenchConf { flows, keep_dst: 0 };
    let (from, to) = (0, 1);
    // Learning frames first (RFC 2889 5.1): every address is seen where it is.
    generate(rig, to, from, len, conf, flows.max(64))?;
    generate(rig, from, to, len, conf, flows.max(count / 16))?;
    let (sent_to, others) = arrivals(rig)?;
    let elapsed = generate(rig, from, to, len, conf, count)?;
    let (now_at, others_now) = arrivals(rig)?;
    let delivered = now_at - sent_to;
    ensure!(
        others_now == others,
        "frames arrived at a station they were not for"
    );
    ensure!(delivered <= u64::from(count), "frames arrived twice");
    let name = if flows > 1 {
        format!("throughput_{len}_{flows}_flows")
    } else {
        format!("throughput_{len}")
    };
    Ok(rate(
        &name,
        delivered,
        elapsed,
        u64::from(count) - delivered,
    ))
}

/// Frames of 64 octets from the first station to all others; counts copies that arrive.
pub(super) fn broadcast(rig: &mut Rig, count: u32) -> Result<Sample> {
    let receivers = rig.stations.len() - 1;
    let conf = BenchConf::default();
    let before = rig
        .stations
        .iter()
        .map(|s| rig.tools.arrived(s.ifindex))
        .sum::<Result<u64>>()?;
    let frame = frame([0xff; 6], rig.stations[0].mac, 64);
    let station = &rig.stations[0];
    let tools = &mut rig.tools;
    let elapsed = station.netns.run(|| {
        pin(0)?;
        tools.generate(&frame, station.ifindex, conf, count)
    })??;
    let after = rig
        .stations
        .iter()
        .map(|s| rig.tools.arrived(s.ifindex))
        .sum::<Result<u64>>()?;
    let copies = after - before;
    let wanted = u64::from(count) * receivers as u64;
    ensure!(copies <= wanted, "copies arrived twice");
    Ok(rate(
        &format!("broadcast_{}_ports", receivers + 1),
        copies,
        elapsed,
        wanted - copies,
    ))
}

/// New source addresses, one a frame, as fast as they come.
pub(super) fn learning(rig: &mut Rig) -> Result<Sample> {
    const ADDRESSES: u32 = 60_000;
    let conf = BenchConf {
        flows: ADDRESSES,
        keep_dst: 1,
    };
    let elapsed = generate(rig, 0, 1, 64, conf, ADDRESSES)?;
    Ok(rate(
        "address_learning",
        u64::from(ADDRESSES),
        elapsed,
        0,
    ))
}

/// What has arrived at the second station, and at all others together.
fn arrivals(rig: &Rig) -> Result<(u64, u64)> {
    let mut others = 0;
    for (station, number) in rig.stations.iter().zip(0..) {
        if number != 1 {
            others += rig.tools.arrived(station.ifindex)?;
        }
    }
    // Learning frames and the first flood go elsewhere before a measurement, never during it.
    Ok((rig.tools.arrived(rig.stations[1].ifindex)?, others))
}

fn generate(
    rig: &mut Rig,
    from: usize,
    to: usize,
    len: usize,
    conf: BenchConf,
    count: u32,
) -> Result<Duration> {
    let frame = frame(rig.stations[to].mac, rig.stations[from].mac, len);
    let station = &rig.stations[from];
    let tools = &mut rig.tools;
    station.netns.run(|| {
        pin(0)?;
        tools.generate(&frame, station.ifindex, conf, count)
    })?
}

/// A frame of a local experimental `EtherType` (0x88b5) with `len` octets, FCS among them.
fn frame(dst: [u8; 6], src: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(len);
    frame.extend(dst);
    frame.extend(src);
    frame.extend([0x88, 0xb5]);
    frame.resize(len.saturating_sub(4).max(60), 0);
    frame
}

/// A figure in units per second.
fn rate(test: &str, count: u64, elapsed: Duration, lost: u64) -> Sample {
    #[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
    let value = count as f64 / elapsed.as_secs_f64() / 1e6;
    let unit = if test.starts_with("address") {
        "M addresses/s"
    } else {
        "Mpps"
    };
    Sample {
        test: test.to_owned(),
        unit,
        better: Better::Higher,
        value,
        lost,
    }
}

/// Smallest UDP frames from one stack to the other; counts those received.
pub(super) fn udp_small(rig: &Rig, duration: Duration) -> Result<Sample> {
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
        Ok(Sample {
            unit: "Mpps",
            ..rate("udp_small", received, elapsed, sent - received.min(sent))
        })
    })
}

/// TCP streams from one stack to the other, all at once; counts octets received.
pub(super) fn tcp_stream(rig: &Rig, streams: usize, duration: Duration) -> Result<Sample> {
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
    #[expect(clippy::cast_precision_loss, reason = "octets below 2^52")]
    let value = octets as f64 * 8.0 / elapsed.as_secs_f64() / 1e9;
    let test = if streams == 1 {
        "tcp_stream".to_owned()
    } else {
        format!("tcp_stream_{streams}")
    };
    Ok(Sample {
        test,
        unit: "Gb/s",
        better: Better::Higher,
        value,
        lost: 0,
    })
}

/// One octet to and fro over TCP; how long a round takes.
pub(super) fn tcp_rr(rig: &Rig, duration: Duration) -> Result<Vec<Sample>> {
    use std::io::{Read as _, Write as _};
    let (from, to) = (&rig.stations[0], &rig.stations[1]);
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
            pin(1)?;
            let mut octet = [0];
            while server.read(&mut octet)? == 1 {
                server.write_all(&octet)?;
            }
            Ok(())
        });
        pin(0)?;
        let mut rounds = Vec::with_capacity(1 << 16);
        let started = Instant::now();
        while started.elapsed() < duration {
            let round = Instant::now();
            client.write_all(&[1])?;
            client.read_exact(&mut [0])?;
            rounds.push(u64::try_from(round.elapsed().as_nanos())?);
        }
        drop(client);
        Ok(rounds)
    })?;
    rounds.sort_unstable();
    let sample = |name: &str, percent: f64| Sample {
        test: format!("tcp_rr_{name}"),
        unit: "µs",
        better: Better::Lower,
        value: percentile(&rounds, percent) / 1e3,
        lost: 0,
    };
    Ok(vec![
        sample("p50", 50.0),
        sample("p99", 99.0),
        sample("p99.9", 99.9),
    ])
}

fn joined<T>(outcome: thread::Result<Result<T>>) -> Result<T> {
    match outcome {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
