//! Addresses bound to ports: who may speak for them, and who can be answered for.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{MacAddr, PortId};

/// What kind of address a [`BindingKey`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// An Ethernet address, in the first 6 octets.
    Mac = 0,
    /// An IPv4 address, in the first 4 octets.
    Ipv4 = 4,
    /// An IPv6 address.
    Ipv6 = 6,
}

/// The key of map `BINDINGS`: an address in a VLAN, which is bound to one port.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BindingKey {
    /// The address, from the first octet; zero behind it.
    pub address: [u8; 16],
    /// The VLAN; 0 on a bridge that does not filter VLANs.
    pub vid: u16,
    /// An [`AddressKind`] by its number.
    pub kind: u16,
}

impl BindingKey {
    /// The key of an Ethernet address.
    #[inline(always)]
    pub const fn mac(mac: MacAddr, vid: u16) -> Self {
        // By way of a number, since many small stores become a call.
        let address = mac.bits().swap_bytes() >> 16;
        Self {
            address: (address as u128).to_le_bytes(),
            vid,
            kind: AddressKind::Mac as u16,
        }
    }

    /// The key of an IP address.
    pub const fn of_ip(ip: IpAddr, vid: u16) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::ipv4(ip.octets(), vid),
            IpAddr::V6(ip) => Self::ipv6(ip.octets(), vid),
        }
    }

    /// The key of an IPv4 address.
    #[inline(always)]
    pub const fn ipv4(address: [u8; 4], vid: u16) -> Self {
        let address = u32::from_le_bytes(address);
        Self {
            address: (address as u128).to_le_bytes(),
            vid,
            kind: AddressKind::Ipv4 as u16,
        }
    }

    /// The key of an IPv6 address.
    #[inline(always)]
    pub const fn ipv6(address: [u8; 16], vid: u16) -> Self {
        Self {
            address,
            vid,
            kind: AddressKind::Ipv6 as u16,
        }
    }

    /// The IP address that is bound; `None` for an Ethernet address.
    pub const fn ip(&self) -> Option<IpAddr> {
        let [a, b, c, d, ..] = self.address;
        match self.kind {
            4 => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
            6 => Some(IpAddr::V6(Ipv6Addr::from_octets(self.address))),
            _ => None,
        }
    }
}

#[cfg(any(test, feature = "user"))]
impl std::fmt::Display for BindingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mac = self.address.first_chunk().copied().unwrap_or_default();
        match self.ip() {
            Some(ip) => ip.fmt(f),
            None => MacAddr(mac).fmt(f),
        }
    }
}

/// The value of map `BINDINGS`: the port that may speak for the address, and the station behind it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The port.
    pub port: PortId,
    /// The Ethernet address that goes with an IP address; zero where any that is bound to the port does.
    pub mac: MacAddr,
    /// 1 where the binding follows the PVID of its port.
    pub native: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_and_written_as_addresses_are() {
        let mac = BindingKey::mac(MacAddr([2, 0, 0, 0, 0, 1]), 0);
        let ipv4 = BindingKey::of_ip(IpAddr::from([2, 0, 0, 0]), 0);
        assert_ne!(mac.kind, ipv4.kind);
        assert_eq!(mac.to_string(), "02:00:00:00:00:01");
        assert_eq!(ipv4.to_string(), "2.0.0.0");
        let ipv6 = BindingKey::of_ip(IpAddr::V6(Ipv6Addr::LOCALHOST), 10);
        assert_eq!((ipv6.to_string(), ipv6.vid), ("::1".to_owned(), 10));
    }
}
