//! ARP (RFC 826): who a frame says its sender is.

use super::{Bindings, Guard, part};
use crate::{MacAddr, decide::DropReason, octets::Octets};

/// Hardware Ethernet, protocol IPv4, addresses of 6 and 4 octets.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Operation of a request.
const REQUEST: [u8; 2] = [0, 1];

impl<O: Octets + ?Sized, B: Bindings> Guard<'_, O, B> {
    /// The sender must be the frame's source and speak for an address that is bound; a probe (RFC 5227)
    /// names none. Anything else than Ethernet and IPv4 is nobody's on such a port.
    #[inline(always)]
    pub(super) fn arp(&mut self, at: u32) -> Result<(), DropReason> {
        let octets = self.octets;
        if !octets.read(at, &mut self.scratch.arp) {
            return Err(DropReason::SpoofedArp);
        }
        let arp = &self.scratch.arp;
        let (kind, operation): ([u8; 6], [u8; 2]) = (part(arp, 0), part(arp, 6));
        let (mac, ip) = (MacAddr(part(arp, 8)), part(arp, 14));
        if kind != ETHERNET_IPV4 || mac.bits() != self.scratch.src {
            return Err(DropReason::SpoofedArp);
        }
        let probe = ip == [0; 4] && operation == REQUEST;
        if probe || self.speaks_for_ipv4(ip) {
            Ok(())
        } else {
            Err(DropReason::SpoofedArp)
        }
    }
}
