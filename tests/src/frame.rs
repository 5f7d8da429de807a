//! Frames by their parts: addresses, tags, and what they carry.
//!
//! What a field means is etherparse's business; only tags and raw payloads are laid out here, since
//! the tests want malformed ones too.

use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, PacketBuilder, ip_number};
use netbridge_common::MacAddr;

/// Octets of an untagged Ethernet header.
pub const HEADER_LEN: usize = 14;
/// Octets of a tag.
pub const TAG_LEN: usize = 4;
/// Octets of the shortest frame on a wire, without FCS; veth carries shorter ones.
pub const SHORTEST: usize = 60;

/// Type of IPv4.
pub const IPV4: u16 = 0x0800;
/// Type of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Type of ARP.
pub const ARP: u16 = 0x0806;
/// TPID of a customer tag.
pub const VLAN: u16 = 0x8100;
/// TPID of a service tag.
pub const SVLAN: u16 = 0x88a8;
/// Type of MAC control frames (PAUSE).
pub const MAC_CONTROL: u16 = 0x8808;
/// Type that IEEE sets aside for experiments; no stack answers it.
pub const EXPERIMENT: u16 = 0x88b5;

/// Everybody.
pub const BROADCAST: MacAddr = MacAddr::BROADCAST;
/// The group of all hosts in IPv4, 224.0.0.1.
pub const ALL_HOSTS: MacAddr = MacAddr([0x01, 0x00, 0x5e, 0, 0, 1]);
/// The group of all nodes in IPv6, `ff02::1`.
pub const ALL_NODES: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 1]);

/// The reserved group 01:80:c2:00:00:`last`.
pub const fn reserved(last: u8) -> MacAddr {
    MacAddr([0x01, 0x80, 0xc2, 0, 0, last])
}

/// The locally administered address number `n`.
pub const fn station(n: u16) -> MacAddr {
    let [high, low] = n.to_be_bytes();
    MacAddr([0x02, 0, 0, 0, high, low])
}

/// A frame in the making.
#[derive(Clone, Debug)]
pub struct Frame {
    dst: MacAddr,
    src: MacAddr,
    tags: Vec<u8>,
}

impl Frame {
    /// A frame from `src` to `dst`.
    pub const fn new(dst: MacAddr, src: MacAddr) -> Self {
        Self {
            dst,
            src,
            tags: Vec::new(),
        }
    }

    /// Adds a tag inside those that are there already.
    #[must_use]
    pub fn tag(mut self, tpid: u16, tci: u16) -> Self {
        self.tags.extend(tpid.to_be_bytes());
        self.tags.extend(tci.to_be_bytes());
        self
    }

    /// The frame with `payload` behind `ethertype`, of whatever length.
    pub fn raw(&self, ethertype: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = [self.dst.0, self.src.0].concat();
        frame.extend(&self.tags);
        frame.extend(ethertype.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// The frame with so many zeros behind an experimental type that it has `len` octets.
    pub fn of_len(&self, len: usize) -> Vec<u8> {
        let payload = len.saturating_sub(HEADER_LEN + self.tags.len());
        self.raw(EXPERIMENT, &vec![0; payload])
    }

    /// The frame as a UDP datagram between two addresses of 172.17.0.0/16.
    pub fn udp(&self, payload: &[u8]) -> Vec<u8> {
        let builder = self.ipv4().udp(4000, 5000);
        self.written(builder.size(payload.len()), |out| {
            builder.write(out, payload).expect("write a datagram");
        })
    }

    /// The frame as a TCP segment between two addresses of 172.17.0.0/16.
    pub fn tcp(&self, payload: &[u8]) -> Vec<u8> {
        let builder = self.ipv4().tcp(4000, 5000, 1, 0xffff);
        self.written(builder.size(payload.len()), |out| {
            builder.write(out, payload).expect("write a segment");
        })
    }

    /// The frame as a request for 172.17.0.3 from 172.17.0.2.
    pub fn arp_request(&self) -> Vec<u8> {
        let arp = ArpPacket::new(
            ArpHardwareId::ETHERNET,
            EtherType::IPV4,
            ArpOperation::REQUEST,
            &self.src.0,
            &[172, 17, 0, 2],
            &[0; 6],
            &[172, 17, 0, 3],
        )
        .expect("addresses of the right length");
        let builder = PacketBuilder::ethernet2(self.src.0, self.dst.0).arp(arp);
        let mut frame = self.written(builder.size(), |out| {
            builder.write(out).expect("write a request");
        });
        frame.resize(frame.len().max(SHORTEST), 0);
        frame
    }

    fn ipv4(&self) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        PacketBuilder::ethernet2(self.src.0, self.dst.0).ipv4([172, 17, 0, 2], [172, 17, 0, 3], 64)
    }

    /// What `write` writes, with the tags put behind the addresses.
    fn written(&self, size: usize, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut frame = Vec::with_capacity(size + self.tags.len());
        write(&mut frame);
        frame.splice(12..12, self.tags.iter().copied());
        frame
    }
}

/// Random numbers that are the same in every run (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).expect("below a usize")
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Fills `octets`.
    pub fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(8) {
            let random = self.roll().to_ne_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

/// Octets of the headers in front of a TCP segment that [`Frame::tcp`] makes, tags not counted.
pub const TCP_HEADERS: usize = HEADER_LEN + 20 + 20;

/// A TCP segment so large that it has `len` octets; its checksums are of no account.
///
/// Its length need not fit the IP header's field: a GSO buffer's does not.
pub fn large_tcp(frame: &Frame, len: usize) -> Vec<u8> {
    let mut octets = frame.tcp(&[]);
    debug_assert_eq!(octets[TCP_HEADERS - 31], ip_number::TCP.0);
    octets.resize(len, 0);
    octets
}
