//! `ICMPv6`: neighbour discovery (RFC 4861) and what else a station says of itself.

use super::{Bindings, Guard, ip::Upper, part};
use crate::{MacAddr, PortFlags, decide::DropReason, octets::Octets};

const MLD_REPORT: u8 = 131;
const MLD_DONE: u8 = 132;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;
const MLDV2_REPORT: u8 = 143;

/// Options that name a link-layer address: the source's, the target's.
const SOURCE_ADDRESS: u8 = 1;
const TARGET_ADDRESS: u8 = 2;

/// Options that are looked at; a router's advertisement has about ten.
const MAX_OPTIONS: u32 = 16;

impl<O: Octets + ?Sized, B: Bindings> Guard<'_, O, B> {
    /// Says whether it is what a station without an address may send.
    ///
    /// `unknown`: the source is no address of the port's, so it is the unspecified one.
    #[inline(always)]
    pub(super) fn icmpv6(&mut self, upper: &Upper, unknown: bool) -> Result<bool, DropReason> {
        let mut kind = [0; 1];
        if !self.octets.read(upper.at, &mut kind) {
            return Err(self.hidden());
        }
        let [kind] = kind;
        let router = matches!(kind, ROUTER_ADVERTISEMENT | REDIRECT);
        if router && self.has(PortFlags::RA_GUARD) {
            return Err(DropReason::RogueRa);
        }
        if !self.has(PortFlags::BOUND_IP) {
            return Ok(true);
        }
        if is_discovery(kind) {
            self.discovery(upper, kind, unknown)?;
        }
        let nameless = matches!(
            kind,
            ROUTER_SOLICITATION | NEIGHBOUR_SOLICITATION | MLD_REPORT | MLD_DONE | MLDV2_REPORT
        );
        Ok(nameless)
    }

    /// What is announced must be the port's: the target of an advertisement, and of a solicitation without a
    /// source, which claims it (RFC 4862); and every link-layer address the frame's source.
    #[inline(always)]
    fn discovery(&mut self, upper: &Upper, kind: u8, unknown: bool) -> Result<(), DropReason> {
        let options = upper.at.wrapping_add(fixed_len(kind));
        // Nobody fragments it (RFC 6980), and half of it is in the other fragment.
        if upper.fragment || options > upper.end {
            return Err(DropReason::SpoofedArp);
        }
        let claims = kind == NEIGHBOUR_ADVERTISEMENT || kind == NEIGHBOUR_SOLICITATION && unknown;
        if claims {
            let octets = self.octets;
            let read = octets.read(upper.at.wrapping_add(8), &mut self.scratch.target);
            if !read || !self.speaks_for_ipv6(self.scratch.target) {
                return Err(DropReason::SpoofedArp);
            }
        }
        self.options(options, upper.end)
    }

    #[inline(always)]
    fn options(&mut self, from: u32, end: u32) -> Result<(), DropReason> {
        let mut at = from;
        let mut options = 0;
        while at < end {
            let octets = self.octets;
            if options >= MAX_OPTIONS || !octets.read(at, &mut self.scratch.option) {
                return Err(DropReason::SpoofedArp);
            }
            options = MAX_OPTIONS.min(options.wrapping_add(1));
            let [kind, len, mac @ ..] = self.scratch.option;
            let names = matches!(kind, SOURCE_ADDRESS | TARGET_ADDRESS);
            let foreign = names && MacAddr(mac).bits() != self.scratch.src;
            if len == 0 || foreign {
                return Err(DropReason::SpoofedArp);
            }
            at = at.wrapping_add(u32::from(len) << 3);
        }
        Ok(())
    }
}

#[inline(always)]
const fn is_discovery(kind: u8) -> bool {
    matches!(kind, ROUTER_SOLICITATION..=REDIRECT)
}

/// Octets before the options.
#[inline(always)]
const fn fixed_len(kind: u8) -> u32 {
    match kind {
        ROUTER_SOLICITATION => 8,
        ROUTER_ADVERTISEMENT => 16,
        REDIRECT => 40,
        _ => 24,
    }
}

/// Says whether `address` is the link-local address that is made of `mac`, a number (RFC 4291, appendix A).
#[inline(always)]
pub(super) fn is_link_local_of(address: &[u8; 16], mac: u64) -> bool {
    let (prefix, interface) = (part(address, 0), part(address, 8));
    let made = (mac >> 24 << 40 | 0xff_fe00_0000 | mac & 0xff_ffff) ^ 2 << 56;
    u64::from_be_bytes(prefix) == 0xfe80 << 48 && u64::from_be_bytes(interface) == made
}
