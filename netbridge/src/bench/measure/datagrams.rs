//! UDP sockets of two stations, and a receiver that does not disturb what is measured.
//!
//! A receiver that blocks is woken for every datagram by the sender's CPU, at the sender's cost; on a
//! virtual machine that is an exit to the hypervisor. This one looks by itself, sleeps while there
//! is nothing, and has a buffer for that long.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};

use super::{SERVER_PORT, pin};
use crate::bench::rig::Station;

/// Payload of a small UDP frame: with its headers the smallest that Ethernet has.
pub(super) const SMALL_PAYLOAD: usize = 18;
/// Room for what comes while the receiver sleeps.
const RECEIVE_BUFFER: usize = 8 << 20;
/// How long it sleeps.
const NAP: Duration = Duration::from_micros(100);
/// How long frames may be on the way after the sender is done.
const TAIL: Duration = Duration::from_millis(20);

/// A socket of the first station that sends to one of the second, whose address the bridge has
/// learned (RFC 2889 5.1): what a stack sends to somebody silent is flooded.
pub(super) fn sockets(stations: &[Station]) -> Result<(UdpSocket, UdpSocket)> {
    let (from, to) = (&stations[0], &stations[1]);
    let address = SocketAddr::from((to.address, SERVER_PORT));
    let server = to.netns.run(|| UdpSocket::bind(address))??;
    setsockopt(&server, RcvBufForce, &RECEIVE_BUFFER).context("enlarge the receive buffer")?;
    let client = from.netns.run(|| UdpSocket::bind((from.address, 0)))??;
    client.connect(address)?;
    server
        .send_to(&[0], client.local_addr()?)
        .context("send a learning frame")?;
    Ok((client, server))
}

/// Gives every datagram to `take`, until the sender is done and all that is left has come.
pub(super) fn drain(
    server: &UdpSocket,
    done: &AtomicBool,
    mut take: impl FnMut(&[u8]),
) -> Result<()> {
    pin(1)?;
    server.set_nonblocking(true)?;
    let mut buffer = [0; 2048];
    let mut last = Instant::now();
    loop {
        match server.recv(&mut buffer) {
            Ok(len) => take(&buffer[..len]),
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                return Err(error).context("receive a datagram");
            }
            Err(_) => {
                if !done.load(Ordering::Relaxed) {
                    last = Instant::now();
                } else if last.elapsed() > TAIL {
                    return Ok(());
                }
                thread::sleep(NAP);
            }
        }
    }
}
