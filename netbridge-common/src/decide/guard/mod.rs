//! Whether a frame speaks for itself: the guard of a port.
//!
//! A port that addresses are bound to speaks for those alone, in what its frames say of their sender:
//! Ethernet source, IP source, ARP sender, and what neighbour discovery announces. Beside that, rogue routers
//! and DHCP servers can be kept out. What cannot be looked into is dropped, as a receiver may see more in it.

mod arp;
mod dhcp;
mod ip;
mod mac;
mod nd;
#[cfg(test)]
mod tests;

use super::DropReason;
use crate::{
    Binding, BindingKey, MacAddr, PortFlags, PortId,
    frame::{ETH_HEADER_LEN, ETHERTYPE_SVLAN, ETHERTYPE_VLAN, VLAN_TAG_LEN},
    octets::{Octets, Payload},
};

/// What a guard answers where it lets a frame pass; anything else is a [`DropReason`] by its number.
pub const PASS: u32 = u32::MAX;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_RARP: u16 = 0x8035;
const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Where the payload begins behind two tags.
const BEHIND_TWO_TAGS: u32 = ETH_HEADER_LEN + 2 * VLAN_TAG_LEN;

/// What looks bindings up.
pub trait Bindings {
    /// The binding under `key`; one to [`PortId::NONE`] where there is none.
    fn get(&self, key: &BindingKey) -> Binding;
}

/// Where a frame came from.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// The port.
    pub port: PortId,
    /// Its switches.
    pub flags: PortFlags,
    /// The frame's VLAN; 0 on a bridge that does not filter them.
    pub vid: u16,
    /// Tags that the kernel keeps beside the frame: one, or none.
    pub tags_beside: u16,
}

/// What is read of a frame, and known of it: too much for the stack that the programs have left.
///
/// Addresses lie where they can be read by words.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Scratch {
    /// The binding that is looked up.
    key: BindingKey,
    from: Origin,
    /// The frame's source address, as a number.
    src: u64,
    pad: [u8; 2],
    /// The Ethernet header, and the IPv4 header that most frames have behind it.
    head: [u8; HEAD_LEN],
    /// Ports, or the beginning of an extension header.
    word: [u8; 4],
    ipv6: [u8; 40],
    /// The target of neighbour discovery.
    target: [u8; 16],
    /// An option of it.
    option: [u8; 8],
    arp: [u8; 28],
    /// An IPv4 header behind tags.
    ipv4: [u8; 20],
    /// The Ethernet header of a frame that ends before an IPv4 header would.
    short: [u8; ETH_HEADER_LEN as usize],
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            key: BindingKey::default(),
            from: Origin::default(),
            src: 0,
            pad: [0; 2],
            head: [0; HEAD_LEN],
            word: [0; 4],
            ipv6: [0; 40],
            target: [0; 16],
            option: [0; 8],
            arp: [0; 28],
            ipv4: [0; 20],
            short: [0; ETH_HEADER_LEN as usize],
        }
    }
}

/// Octets of an Ethernet and an IPv4 header.
const HEAD_LEN: usize = 34;

/// A frame that is looked into.
struct Guard<'a, O: ?Sized, B> {
    octets: &'a O,
    bindings: &'a B,
    scratch: &'a mut Scratch,
}

/// Decides whether a frame may come in by the port that it came from.
#[inline(always)]
pub fn guard<O: Octets + ?Sized, B: Bindings>(
    octets: &O,
    bindings: &B,
    scratch: &mut Scratch,
    from: Origin,
) -> Result<(), DropReason> {
    let whole = octets.read(0, &mut scratch.head);
    if !whole {
        if !octets.read(0, &mut scratch.short) {
            return Err(DropReason::Malformed);
        }
        for (to, octet) in scratch.head.iter_mut().zip(&scratch.short) {
            *to = *octet;
        }
    }
    scratch.from = from;
    scratch.src = MacAddr(part(&scratch.head, 6)).bits();
    let ethertype = u16::from_be_bytes(part(&scratch.head, 12));
    let mut guard = Guard {
        octets,
        bindings,
        scratch,
    };
    if whole && ethertype == ETHERTYPE_IPV4 && guard.has(PortFlags::BOUND_IP) {
        return guard.ipv4_at_once();
    }
    guard.source()?;
    if guard.looks_inside() {
        guard.payload(ethertype)?;
    }
    Ok(())
}

/// What a number that a guard answered with means.
#[inline(always)]
pub const fn outcome(answer: u32) -> Result<(), DropReason> {
    const MALFORMED: u32 = DropReason::Malformed as u32;
    const SPOOFED_MAC: u32 = DropReason::SpoofedMac as u32;
    const SPOOFED_ARP: u32 = DropReason::SpoofedArp as u32;
    const ROGUE_RA: u32 = DropReason::RogueRa as u32;
    const ROGUE_DHCP: u32 = DropReason::RogueDhcp as u32;
    Err(match answer {
        PASS => return Ok(()),
        MALFORMED => DropReason::Malformed,
        SPOOFED_MAC => DropReason::SpoofedMac,
        SPOOFED_ARP => DropReason::SpoofedArp,
        ROGUE_RA => DropReason::RogueRa,
        ROGUE_DHCP => DropReason::RogueDhcp,
        _ => DropReason::SpoofedIp,
    })
}

/// The `N` octets from `at` on.
#[inline(always)]
fn part<const N: usize>(octets: &[u8], at: usize) -> [u8; N] {
    let octets = octets.get(at..).and_then(<[u8]>::first_chunk);
    octets.copied().unwrap_or([0; N])
}

impl<O: Octets + ?Sized, B: Bindings> Guard<'_, O, B> {
    #[inline(always)]
    const fn has(&self, flag: PortFlags) -> bool {
        self.scratch.from.flags.contains(flag)
    }

    /// Says whether more than the Ethernet source is looked at.
    #[inline(always)]
    const fn looks_inside(&self) -> bool {
        let flags = PortFlags::BOUND_IP
            .with(PortFlags::RA_GUARD)
            .with(PortFlags::DHCP_GUARD);
        self.scratch.from.flags.intersects(flags)
    }

    /// Looks at what is behind the tags.
    #[inline(always)]
    fn payload(&mut self, ethertype: u16) -> Result<(), DropReason> {
        let mut payload = Payload {
            ethertype,
            at: ETH_HEADER_LEN,
        };
        if matches!(ethertype, ETHERTYPE_VLAN | ETHERTYPE_SVLAN) {
            payload = Payload::of(self.octets);
        }
        // Three tags, whichever of them is in the frame: a station may take them off all the same.
        if payload.is_tagged()
            || self.scratch.from.tags_beside != 0 && payload.at >= BEHIND_TWO_TAGS
        {
            return Err(DropReason::SpoofedIp);
        }
        match payload.ethertype {
            ETHERTYPE_IPV4 => self.ipv4(payload.at),
            ETHERTYPE_IPV6 => self.ipv6(payload.at),
            ETHERTYPE_ARP if self.has(PortFlags::BOUND_IP) => self.arp(payload.at),
            ETHERTYPE_RARP if self.has(PortFlags::BOUND_IP) => Err(DropReason::SpoofedArp),
            _ => Ok(()),
        }
    }

    /// Says whether the port, and the station that the frame is from, may speak for the address in
    /// `scratch.key`.
    #[inline(always)]
    fn speaks_for_key(&self) -> bool {
        let binding = self.bindings.get(&self.scratch.key);
        self.is_spoken_for(&binding)
    }

    #[inline(always)]
    fn is_spoken_for(&self, binding: &Binding) -> bool {
        let station = binding.mac.is_zero() || binding.mac.bits() == self.scratch.src;
        binding.port == self.scratch.from.port && station
    }

    #[inline(always)]
    fn speaks_for_ipv4(&mut self, address: [u8; 4]) -> bool {
        self.scratch.key = BindingKey::ipv4(address, self.scratch.from.vid);
        self.speaks_for_key()
    }

    /// The same for IPv6, where a station always has the link-local address that is made of its own.
    #[inline(always)]
    fn speaks_for_ipv6(&mut self, address: [u8; 16]) -> bool {
        self.scratch.key = BindingKey::ipv6(address, self.scratch.from.vid);
        nd::is_link_local_of(&self.scratch.key.address, self.scratch.src) || self.speaks_for_key()
    }

    /// The reason for a frame that hides what the guards look for.
    #[inline(always)]
    const fn hidden(&self) -> DropReason {
        if self.has(PortFlags::BOUND_IP) {
            DropReason::SpoofedIp
        } else if self.has(PortFlags::RA_GUARD) {
            DropReason::RogueRa
        } else {
            DropReason::RogueDhcp
        }
    }
}
