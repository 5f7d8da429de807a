//! ICMP echo from the calling thread's network namespace.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, IpSlice, TransportSlice};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, socket,
    },
};
use serde::Serialize;

/// Echo requests and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pings {
    /// Requests sent.
    pub sent: u64,
    /// Replies received, each to a request of ours.
    pub received: u64,
    /// Lowest time-to-live of the replies; 0 without one.
    pub ttl: u8,
}

impl Pings {
    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.ttl = match (self.ttl, other.ttl) {
            (0, ttl) | (ttl, 0) => ttl,
            (a, b) => a.min(b),
        };
    }
}

/// Sends `count` echo requests one after the other, waiting up to `patience` for each reply.
pub fn ping(to: Ipv4Addr, count: u16, patience: Duration) -> Result<Pings> {
    let icmp = SockProtocol::Icmp;
    let raw = socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        icmp,
    )
    .context("open a raw ICMP socket")?;
    // Sockets in one namespace share replies; the descriptor's number tells threads apart.
    let id = u16::try_from(raw.as_raw_fd() & 0x7fff).unwrap_or(0);
    let mut pings = Pings::default();
    for seq in 0..count {
        send(&raw, to, IcmpEchoHeader { id, seq })?;
        pings.sent += 1;
        if let Some(ttl) = await_reply(&raw, IcmpEchoHeader { id, seq }, patience)? {
            pings.add(&Pings {
                sent: 0,
                received: 1,
                ttl,
            });
        }
    }
    Ok(pings)
}

fn send(raw: &OwnedFd, to: Ipv4Addr, echo: IcmpEchoHeader) -> Result<()> {
    let payload = [0x2a; 48];
    let header = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &payload);
    let mut packet = header.to_bytes().to_vec();
    packet.extend(payload);
    let address = SockaddrIn::from(SocketAddrV4::new(to, 0));
    match sendto(raw.as_raw_fd(), &packet, &address, MsgFlags::empty()) {
        // No answer to ARP: the request is lost, as a ping on the wire would be.
        Ok(_) | Err(Errno::EHOSTUNREACH) => Ok(()),
        Err(errno) => Err(errno).with_context(|| format!("send an echo request to {to}")),
    }
}

/// Waits for the reply; returns its time-to-live.
fn await_reply(raw: &OwnedFd, echo: IcmpEchoHeader, patience: Duration) -> Result<Option<u8>> {
    let end = Instant::now() + patience;
    let mut buffer = [0; 2048];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(raw.as_fd(), PollFlags::POLLIN)];
        if left.is_zero() || poll(&mut fds, timeout)? == 0 {
            return Ok(None);
        }
        let len = recv(raw.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).unwrap_or(0);
        if let Some(ttl) = reply_ttl(buffer.get(..len).unwrap_or_default(), echo) {
            return Ok(Some(ttl));
        }
    }
}

/// The time-to-live of a packet that is the reply to `echo`.
fn reply_ttl(packet: &[u8], echo: IcmpEchoHeader) -> Option<u8> {
    let sliced = etherparse::SlicedPacket::from_ip(packet).ok()?;
    let Some(TransportSlice::Icmpv4(icmp)) = sliced.transport else {
        return None;
    };
    let Ok(IpSlice::Ipv4(ip)) = IpSlice::from_slice(packet) else {
        return None;
    };
    matches!(icmp.icmp_type(), Icmpv4Type::EchoReply(reply) if reply == echo)
        .then(|| ip.header().ttl())
}
