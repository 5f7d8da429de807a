//! Frames about multicast groups: datagrams to them, and what IGMP and MLD say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netbridge_common::MacAddr;

use crate::frame::{Frame, IPV4, IPV6};

/// Who asks, and who sends: as good as any.
const FROM4: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 99);
const FROM6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x99);
/// Groups of everybody, of routers, and of those who listen to reports.
const SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
const REPORTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
const PIM_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 13);
const NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ROUTERS6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const REPORTS6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

const UDP: u8 = 17;
const IGMP: u8 = 2;
const ICMPV6: u8 = 58;
const PIM: u8 = 103;

/// The Ethernet address of a group.
pub fn mac_of(group: IpAddr) -> MacAddr {
    match group {
        IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            MacAddr([1, 0, 0x5e, b & 0x7f, c, d])
        }
        IpAddr::V6(group) => {
            let octets = group.octets();
            MacAddr([0x33, 0x33, octets[12], octets[13], octets[14], octets[15]])
        }
    }
}

/// A datagram to a group, with `text` in it.
pub fn data(src: MacAddr, group: IpAddr, text: &str) -> Vec<u8> {
    let mut udp = vec![0x0f, 0xa0, 0x13, 0x88];
    let len = u16::try_from(text.len() + 8).expect("a short text");
    udp.extend(len.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(text.as_bytes());
    match group {
        IpAddr::V4(group) => ipv4(src, group, UDP, 8, &udp),
        IpAddr::V6(group) => ipv6(src, group, UDP, 8, &udp),
    }
}

/// A report of version 1 (`0x12`) or 2 (`0x16`) that the sender has joined a group, or `0x17`, that it has
/// left.
pub fn igmp(src: MacAddr, kind: u8, group: Ipv4Addr) -> Vec<u8> {
    let dst = if kind == 0x17 { ROUTERS } else { group };
    ipv4(src, dst, IGMP, 1, &igmp_message(kind, 0, &group.octets()))
}

/// A record of a report: its kind, its group, and how many sources.
pub type Record<A> = (u8, A, u16);

/// A report of version 3.
pub fn igmp3(src: MacAddr, records: &[Record<Ipv4Addr>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("some records");
    let mut rest = vec![0, 0];
    rest.extend(count.to_be_bytes());
    for (kind, group, sources) in records {
        rest.extend([*kind, 0]);
        rest.extend(sources.to_be_bytes());
        rest.extend(group.octets());
        for _ in 0..*sources {
            rest.extend(FROM4.octets());
        }
    }
    ipv4(src, REPORTS, IGMP, 1, &igmp_message(0x22, 0, &rest))
}

/// A query of version 2: for all groups, or for one.
pub fn query(src: MacAddr, group: Option<Ipv4Addr>, tenths: u8) -> Vec<u8> {
    let asked = group.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let message = igmp_message(0x11, tenths, &asked.octets());
    ipv4(src, group.unwrap_or(SYSTEMS), IGMP, 1, &message)
}

/// A query of version 3 for all groups.
pub fn query3(src: MacAddr, tenths: u8) -> Vec<u8> {
    let message = igmp_message(0x11, tenths, &[0, 0, 0, 0, 2, 125, 0, 0]);
    ipv4(src, SYSTEMS, IGMP, 1, &message)
}

/// A PIM router says hello.
pub fn pim_hello(src: MacAddr) -> Vec<u8> {
    ipv4(src, PIM_ROUTERS, PIM, 1, &[0x20, 0, 0xdf, 0xff])
}

/// An MLD message about one group: a query (`130`), a report (`131`) or a leave (`132`).
pub fn mld(src: MacAddr, kind: u8, group: Ipv6Addr, millis: u16) -> Vec<u8> {
    let dst = match kind {
        132 => ROUTERS6,
        _ if group.is_unspecified() => NODES,
        _ => group,
    };
    let mut message = vec![kind, 0, 0, 0];
    message.extend(millis.to_be_bytes());
    message.extend([0, 0]);
    message.extend(group.octets());
    mld_to(src, dst, message)
}

/// A report of MLDv2.
pub fn mld2(src: MacAddr, records: &[Record<Ipv6Addr>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("some records");
    let mut message = vec![143, 0, 0, 0, 0, 0];
    message.extend(count.to_be_bytes());
    for (kind, group, sources) in records {
        message.extend([*kind, 0]);
        message.extend(sources.to_be_bytes());
        message.extend(group.octets());
        for _ in 0..*sources {
            message.extend(FROM6.octets());
        }
    }
    mld_to(src, REPORTS6, message)
}

fn igmp_message(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut message = [&[kind, code, 0, 0], rest].concat();
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum);
    message
}

/// An MLD message with its checksum, behind a router alert.
fn mld_to(src: MacAddr, dst: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let len = u32::try_from(message.len()).expect("a short message");
    let pseudo = [
        &FROM6.octets()[..],
        &dst.octets(),
        &len.to_be_bytes(),
        &[0, 0, 0, ICMPV6],
        &message,
    ];
    let sum = checksum(&pseudo.concat());
    message[2..4].copy_from_slice(&sum);
    let payload = [&[ICMPV6, 0, 5, 2, 0, 0, 1, 0], &message[..]].concat();
    ipv6(src, dst, 0, 1, &payload)
}

fn ipv4(src: MacAddr, dst: Ipv4Addr, protocol: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
    // A router alert where there is a message, as hosts send it.
    let options: &[u8] = if protocol == IGMP {
        &[0x94, 4, 0, 0]
    } else {
        &[]
    };
    let words = u8::try_from(5 + options.len() / 4).expect("a header");
    let len = u16::try_from(20 + options.len() + payload.len()).expect("a datagram");
    let [high, low] = len.to_be_bytes();
    let mut header = vec![
        0x40 | words,
        0,
        high,
        low,
        0,
        0,
        0x40,
        0,
        ttl,
        protocol,
        0,
        0,
    ];
    header.extend(FROM4.octets());
    header.extend(dst.octets());
    header.extend(options);
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum);
    let datagram = [&header[..], payload].concat();
    Frame::new(mac_of(dst.into()), src).raw(IPV4, &datagram)
}

fn ipv6(src: MacAddr, dst: Ipv6Addr, next: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("a datagram");
    let [high, low] = len.to_be_bytes();
    let mut datagram = vec![0x60, 0, 0, 0, high, low, next, hops];
    datagram.extend(FROM6.octets());
    datagram.extend(dst.octets());
    datagram.extend(payload);
    Frame::new(mac_of(dst.into()), src).raw(IPV6, &datagram)
}

/// The checksum of the Internet (RFC 1071).
fn checksum(octets: &[u8]) -> [u8; 2] {
    let sum: u32 = octets
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    let [_, _, high, low] = (!folded).to_be_bytes();
    [high, low]
}
