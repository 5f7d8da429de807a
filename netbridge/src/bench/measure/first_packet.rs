//! The first datagram to a station that nobody knows yet.

use std::{
    net::{IpAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    datagrams::{SMALL_PAYLOAD, sockets},
    joined, pin,
};
use crate::{
    bench::{
        rig::{Rig, RigOptions},
        sample::{Sample, Unit, percentile},
        test::Test,
    },
    net::Links,
};

/// How often a station becomes unknown.
const ROUNDS: u8 = 50;
/// How long a datagram may be on the way.
const PATIENCE: Duration = Duration::from_secs(2);

/// The first datagram, with ARP before it, and the one after it.
pub(in crate::bench) const TEST: Test = Test {
    name: "first_packet",
    about: "time from sending to receiving a UDP datagram: the first to an address that neither \
            stack nor bridge knows, with its ARP exchange, and the next; p50",
    quick: true,
    between_stacks: true,
    applies: |datapath| !datapath.is_docker(),
    run: |datapath, _| {
        let rig = Rig::build(datapath, RigOptions::stations(2))?;
        thread::scope(|scope| joined(scope.spawn(|| first_packets(&rig)).join()))
    },
};

fn first_packets(rig: &Rig) -> Result<Vec<Sample>> {
    let (from, to) = (&rig.stations[0], &rig.stations[1]);
    let (client, server) = sockets(&rig.stations)?;
    server.set_read_timeout(Some(PATIENCE))?;
    let (near, far) = (Links::within(&from.netns)?, Links::within(&to.netns)?);
    let address = IpAddr::from(to.address);
    pin(0)?;
    let mut first = Vec::new();
    let mut next = Vec::new();
    for round in 0..ROUNDS {
        // Another station for the bridge, under the same IP address.
        let mut mac = to.mac;
        mac[4..].copy_from_slice(&[0xff, round]);
        far.set_mac(to.ifindex, mac)?;
        near.del_neighbour(from.ifindex, address)?;
        first.push(one_way(&client, &server)?);
        next.push(one_way(&client, &server)?);
    }
    let sample = |name: &str, mut nanos: Vec<u64>| {
        nanos.sort_unstable();
        Sample::new(name, Unit::Micros, percentile(&nanos, 50.0) / 1e3)
    };
    Ok(vec![
        sample("first_packet_p50", first),
        sample("next_packet_p50", next),
    ])
}

/// How many nanoseconds a datagram takes.
fn one_way(client: &UdpSocket, server: &UdpSocket) -> Result<u64> {
    let started = Instant::now();
    client.send(&[0; SMALL_PAYLOAD])?;
    server
        .recv(&mut [0; SMALL_PAYLOAD])
        .context("a datagram did not arrive")?;
    Ok(u64::try_from(started.elapsed().as_nanos())?)
}
