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
        let MacAddr([o0, o1, o2, o3, o4, o5]) = mac;
        Self {
            address: [o0, o1, o2, o3, o4, o5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            vid,
            kind: AddressKind::Mac as u16,
        }
    }

    /// The key of an IPv4 address.
    #[inline(always)]
    pub const fn ipv4([a, b, c, d]: [u8; 4], vid: u16) -> Self {
        Self {
            address: [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
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
