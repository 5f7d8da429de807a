//! IPv4 and IPv6: the source, and what is behind options and extension headers.

use super::{Bindings, Guard, dhcp::Ports, part};
use crate::{BindingKey, PortFlags, decide::DropReason, frame::ETH_HEADER_LEN, octets::Octets};

const UDP: u8 = 17;
const ICMPV6: u8 = 58;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;

/// Bits of an IPv4 fragment's offset.
const OFFSET_V4: u16 = 0x1fff;
/// Bits of an IPv6 fragment's offset.
const OFFSET_V6: u16 = 0xfff8;

/// Octets of an IPv6 header.
const IPV6_HEADER_LEN: u32 = 40;

/// Extension headers that are looked behind; stations send two or three at most.
const MAX_EXTENSIONS: u32 = 8;

/// What is looked at of an IPv4 header.
#[derive(Clone, Copy)]
struct Ipv4 {
    /// Version, and length in words.
    first: u8,
    /// What is before a fragment, in units of 8 octets.
    offset: u16,
    protocol: u8,
    source: [u8; 4],
}

impl Ipv4 {
    #[inline(always)]
    fn new(header: [u8; 20]) -> Self {
        let ([first], [protocol]) = (part(&header, 0), part(&header, 9));
        Self {
            first,
            offset: u16::from_be_bytes(part(&header, 6)) & OFFSET_V4,
            protocol,
            source: part(&header, 12),
        }
    }
}

/// What is behind the headers of an IPv6 packet.
pub(super) struct Upper {
    /// The protocol; that of an extension header where the end of the chain cannot be found.
    pub(super) protocol: u8,
    /// Where it begins.
    pub(super) at: u32,
    /// Where the packet ends.
    pub(super) end: u32,
    /// Whether the packet is a fragment, and has so much before it.
    pub(super) fragment: bool,
    offset: u16,
}

impl<O: Octets + ?Sized, B: Bindings> Guard<'_, O, B> {
    /// IPv4 whose header was read together with that of Ethernet, on a port with IP addresses bound.
    ///
    /// A binding that names the frame's source says that it is bound as well: one lookup for both.
    #[inline(always)]
    pub(super) fn ipv4_at_once(&mut self) -> Result<(), DropReason> {
        let header = Ipv4::new(part(&self.scratch.head, ETH_HEADER_LEN as usize));
        self.scratch.key = BindingKey::ipv4(header.source, self.scratch.from.vid);
        let binding = self.bindings.get(&self.scratch.key);
        let speaks = self.is_spoken_for(&binding);
        if !speaks || binding.mac.is_zero() {
            self.source()?;
        }
        self.ipv4_header(ETH_HEADER_LEN, header, speaks)
    }

    /// IPv4 behind tags.
    #[inline(always)]
    pub(super) fn ipv4(&mut self, at: u32) -> Result<(), DropReason> {
        let octets = self.octets;
        if !octets.read(at, &mut self.scratch.ipv4) {
            return Err(self.hidden());
        }
        let header = Ipv4::new(self.scratch.ipv4);
        let speaks = !self.has(PortFlags::BOUND_IP) || self.speaks_for_ipv4(header.source);
        self.ipv4_header(at, header, speaks)
    }

    #[inline(always)]
    fn ipv4_header(&mut self, at: u32, header: Ipv4, speaks: bool) -> Result<(), DropReason> {
        let Ipv4 {
            first,
            offset,
            protocol,
            source,
        } = header;
        let words = u32::from(first & 0xf);
        if first >> 4 != 4 || words < 5 {
            return Err(self.hidden());
        }
        if !speaks && source != [0; 4] {
            return Err(DropReason::SpoofedIp);
        }
        let looks = !speaks || self.has(PortFlags::DHCP_GUARD);
        if looks && protocol == UDP && offset == 0 {
            let ports = self.ports(at.wrapping_add(words << 2))?;
            if self.has(PortFlags::DHCP_GUARD) && ports.is_server() {
                return Err(DropReason::RogueDhcp);
            }
            if ports.is_client() {
                return Ok(());
            }
        }
        if !speaks {
            return Err(DropReason::SpoofedIp);
        }
        Ok(())
    }

    /// IPv6, behind tags or not.
    #[inline(always)]
    pub(super) fn ipv6(&mut self, at: u32) -> Result<(), DropReason> {
        let octets = self.octets;
        if !octets.read(at, &mut self.scratch.ipv6) {
            return Err(self.hidden());
        }
        let header = &self.scratch.ipv6;
        let ([first], [next]) = (part(header, 0), part(header, 6));
        let len = u16::from_be_bytes(part(header, 4));
        let source = part(header, 8);
        if first >> 4 != 6 {
            return Err(self.hidden());
        }
        let unknown = self.has(PortFlags::BOUND_IP) && !self.speaks_for_ipv6(source);
        if unknown && u128::from_ne_bytes(self.scratch.key.address) != 0 {
            return Err(DropReason::SpoofedIp);
        }
        let behind = at.wrapping_add(IPV6_HEADER_LEN);
        let end = behind.wrapping_add(u32::from(len));
        let upper = self.upper(next, behind, end)?;
        // What is not the beginning of anything has its source alone.
        let speaks = upper.offset == 0
            && match upper.protocol {
                UDP => self.udp_v6(&upper)?,
                ICMPV6 => self.icmpv6(&upper, unknown)?,
                _ => false,
            };
        if unknown && !speaks {
            return Err(DropReason::SpoofedIp);
        }
        Ok(())
    }

    /// Never what a station without an address may send.
    #[inline(always)]
    fn udp_v6(&mut self, upper: &Upper) -> Result<bool, DropReason> {
        if self.has(PortFlags::DHCP_GUARD) && self.ports(upper.at)?.is_server_v6() {
            return Err(DropReason::RogueDhcp);
        }
        Ok(false)
    }

    /// Finds the end of the chain of headers, in the first fragment at the latest (RFC 7112, RFC 7113).
    #[inline(always)]
    fn upper(&mut self, next: u8, at: u32, end: u32) -> Result<Upper, DropReason> {
        let mut upper = Upper {
            protocol: next,
            at,
            end,
            fragment: false,
            offset: 0,
        };
        let mut headers = 0;
        while is_extension(upper.protocol) && upper.offset == 0 {
            let octets = self.octets;
            if headers >= MAX_EXTENSIONS || !octets.read(upper.at, &mut self.scratch.word) {
                return Err(self.hidden());
            }
            headers = MAX_EXTENSIONS.min(headers.wrapping_add(1));
            let [next, len, o0, o1] = self.scratch.word;
            if upper.protocol == FRAGMENT {
                upper.fragment = true;
                upper.offset = u16::from_be_bytes([o0, o1]) & OFFSET_V6;
            }
            upper.at = upper.at.wrapping_add(extension_len(upper.protocol, len));
            upper.protocol = next;
        }
        Ok(upper)
    }

    /// The ports of a datagram; a first fragment that is too short for them hides them.
    #[inline(always)]
    fn ports(&mut self, at: u32) -> Result<Ports, DropReason> {
        let octets = self.octets;
        if octets.read(at, &mut self.scratch.word) {
            return Ok(Ports::new(self.scratch.word));
        }
        Err(if self.has(PortFlags::DHCP_GUARD) {
            DropReason::RogueDhcp
        } else {
            DropReason::SpoofedIp
        })
    }
}

/// Says whether another header follows one of this protocol.
#[inline(always)]
const fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION
    )
}

/// Octets of an extension header whose length field says `len`.
#[inline(always)]
const fn extension_len(protocol: u8, len: u8) -> u32 {
    let len = len as u32;
    match protocol {
        FRAGMENT => 8,
        AUTHENTICATION => len.wrapping_add(2) << 2,
        _ => len.wrapping_add(1) << 3,
    }
}
