//! The multicast database: which groups stations have joined, and where routers are.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{MacAddr, PortId, Ticks};

/// How long a membership counts after the last report (RFC 3376 8.4: 2 times 125 s, and 10 s).
pub const MEMBERSHIP: Ticks = Ticks::from_secs(260);

/// How long a querier, and a router, counts after it was last heard (RFC 3376 8.5).
pub const QUERIER: Ticks = Ticks::from_secs(255);

/// How long a membership counts after somebody has left the group (RFC 3376 8.8: 2 times 1 s): others
/// behind the port answer the querier's question within it.
pub const LAST_MEMBER: Ticks = Ticks::from_secs(2);

/// Most groups that are learned on a port at a time.
pub const MAX_GROUPS: u32 = 512;

/// What an element of map `MDB` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MdbKind {
    /// Frames to the Ethernet group go to the port; under [`PortId::NONE`], that there are such ports.
    Mac = 0,
    /// A station behind the port has joined the IPv4 group.
    Ipv4 = 4,
    /// A station behind the port has joined the IPv6 group.
    Ipv6 = 6,
    /// A router for IPv4 multicast is behind the port.
    Router4 = 0x14,
    /// A router for IPv6 multicast is behind the port.
    Router6 = 0x16,
    /// A querier for IPv4 has been heard in the VLAN.
    Querier4 = 0x24,
    /// A querier for IPv6 has been heard in the VLAN.
    Querier6 = 0x26,
}

/// The key of map `MDB`: 24 octets without padding, since a hash map hashes every octet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MdbKey {
    /// The group's address, from the first octet; zero behind it, and where there is no group.
    pub group: [u8; 16],
    /// The VLAN; 0 on a bridge that does not filter VLANs.
    pub vid: u16,
    /// An [`MdbKind`] by its number.
    pub kind: u16,
    /// The port; [`PortId::NONE`] for a querier.
    pub port: PortId,
}

impl MdbKey {
    /// The key of a group that has an IP address.
    pub const fn ip(group: IpAddr, vid: u16, port: PortId) -> Self {
        match group {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self {
                    group: [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    vid,
                    kind: MdbKind::Ipv4 as u16,
                    port,
                }
            }
            IpAddr::V6(address) => Self {
                group: address.octets(),
                vid,
                kind: MdbKind::Ipv6 as u16,
                port,
            },
        }
    }

    /// The key of a group that has an Ethernet address alone.
    pub const fn mac(mac: MacAddr, vid: u16, port: PortId) -> Self {
        let MacAddr([o0, o1, o2, o3, o4, o5]) = mac;
        Self {
            group: [o0, o1, o2, o3, o4, o5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            vid,
            kind: MdbKind::Mac as u16,
            port,
        }
    }

    /// The key of what is not about a group: a router behind a port, or a querier.
    pub const fn of(kind: MdbKind, vid: u16, port: PortId) -> Self {
        Self {
            group: [0; 16],
            vid,
            kind: kind as u16,
            port,
        }
    }

    /// Says whether the element is about a member of a group.
    pub fn is_member(&self) -> bool {
        self.is(MdbKind::Ipv4)
            || self.is(MdbKind::Ipv6)
            || self.is(MdbKind::Mac) && self.port != PortId::NONE
    }

    /// Says whether the element is of a kind.
    pub const fn is(&self, kind: MdbKind) -> bool {
        self.kind == kind as u16
    }

    /// The group's IP address; `None` where it has none.
    pub const fn address(&self) -> Option<IpAddr> {
        let [a, b, c, d, ..] = self.group;
        match self.kind {
            4 => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
            6 => Some(IpAddr::V6(Ipv6Addr::from_octets(self.group))),
            _ => None,
        }
    }

    /// The first six octets of the group, which are the Ethernet address of one that has no other.
    pub const fn station(&self) -> MacAddr {
        let [o0, o1, o2, o3, o4, o5, ..] = self.group;
        MacAddr([o0, o1, o2, o3, o4, o5])
    }
}

/// What kind of entry it is, a set of bits; none for a learned one.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MdbFlags(pub u32);

impl MdbFlags {
    /// Set by an operator: never ages, and nobody leaves.
    pub const PERMANENT: Self = Self(1);
}

/// The value of map `MDB`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MdbEntry {
    /// The first tick in which it counts.
    pub from: Ticks,
    /// The last tick in which it counts.
    pub until: Ticks,
    /// When it was last heard of.
    pub last_seen: Ticks,
    /// Kind of entry.
    pub flags: MdbFlags,
}

impl MdbEntry {
    /// The entry of an operator.
    pub const PERMANENT: Self = Self {
        from: Ticks(0),
        until: Ticks(0),
        last_seen: Ticks(0),
        flags: MdbFlags::PERMANENT,
    };

    /// An entry heard of at `now` that counts for so long.
    #[inline(always)]
    pub const fn learned(now: Ticks, lasting: Ticks) -> Self {
        Self {
            from: now,
            until: Ticks(now.0.saturating_add(lasting.0)),
            last_seen: now,
            flags: MdbFlags(0),
        }
    }

    /// Says whether it never ages.
    #[inline(always)]
    pub const fn is_permanent(&self) -> bool {
        self.flags.0 & MdbFlags::PERMANENT.0 != 0
    }

    /// Says whether it has not aged.
    #[inline(always)]
    pub const fn is_fresh(&self, now: Ticks) -> bool {
        self.is_permanent() || now.0 <= self.until.0
    }

    /// Says whether it counts: it has not aged, and its time has come.
    #[inline(always)]
    pub const fn counts(&self, now: Ticks) -> bool {
        // A stamp of another CPU may be a tick ahead.
        self.is_fresh(now) && self.from.0 <= now.0.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_count_from_and_until() {
        let entry = MdbEntry::learned(Ticks(100), MEMBERSHIP);
        let last = Ticks(100 + MEMBERSHIP.0);
        assert!(entry.counts(Ticks(99)) && entry.counts(last));
        assert!(!entry.counts(Ticks(last.0 + 1)));
        let later = MdbEntry {
            from: Ticks(110),
            ..entry
        };
        assert!(!later.counts(Ticks(108)) && later.is_fresh(Ticks(108)));
        assert!(later.counts(Ticks(110)));
        assert!(MdbEntry::PERMANENT.counts(Ticks(u32::MAX)));
    }

    #[test]
    fn keys_tell_what_they_are_about() {
        let port = PortId(3);
        let v4: IpAddr = "239.1.2.3".parse().unwrap();
        let v6: IpAddr = "ff0e::1".parse().unwrap();
        for group in [v4, v6] {
            let key = MdbKey::ip(group, 7, port);
            assert_eq!(key.address(), Some(group));
            assert!(key.is_member());
        }
        let mac = MacAddr([1, 2, 3, 4, 5, 6]);
        let key = MdbKey::mac(mac, 0, port);
        assert_eq!((key.station(), key.address()), (mac, None));
        assert!(key.is_member() && !MdbKey::mac(mac, 0, PortId::NONE).is_member());
        assert!(!MdbKey::of(MdbKind::Router4, 0, port).is_member());
    }
}
