//! The forwarding database: which address is behind which port.

use crate::{MacAddr, PortId, Ticks};

/// The key of map `FDB`: 8 octets without padding, since a hash map hashes every octet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FdbKey {
    /// The station's address.
    pub mac: MacAddr,
    /// VLAN of the entry; 0 on a bridge that does not filter VLANs.
    pub vid: u16,
}

impl FdbKey {
    /// The key of `mac` on a bridge that does not filter VLANs.
    #[inline(always)]
    pub const fn untagged(mac: MacAddr) -> Self {
        Self { mac, vid: 0 }
    }

    /// A number that orders keys as they are ordered, and is compared in one step.
    #[inline(always)]
    pub const fn rank(&self) -> u64 {
        let [o0, o1, o2, o3, o4, o5] = self.mac.0;
        let [high, low] = self.vid.to_be_bytes();
        u64::from_be_bytes([o0, o1, o2, o3, o4, o5, high, low])
    }

    /// The key of a number from [`FdbKey::rank`].
    #[inline(always)]
    pub const fn of_rank(rank: u64) -> Self {
        let [o0, o1, o2, o3, o4, o5, high, low] = rank.to_be_bytes();
        Self {
            mac: MacAddr([o0, o1, o2, o3, o4, o5]),
            vid: u16::from_be_bytes([high, low]),
        }
    }
}

impl From<MacAddr> for FdbKey {
    fn from(mac: MacAddr) -> Self {
        Self::untagged(mac)
    }
}

/// What kind of entry it is, a set of bits; none for a learned one.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FdbFlags(pub u32);

impl FdbFlags {
    /// Set by an operator: never ages, never moves (802.1Q 8.8.1).
    pub const STATIC: Self = Self(1);
    /// Ages like a learned entry, and stays on its port until it has.
    pub const STICKY: Self = Self(1 << 1);
    /// The bridge's own address: frames for it enter the host, frames from it are dropped.
    pub const OWN: Self = Self(1 << 2);

    /// Frames for the address are dropped; it is behind no port. Goes with [`FdbFlags::STATIC`].
    pub const BLACKHOLE: Self = Self(1 << 3);

    /// The station has moved too often; see [`FdbEntry::is_held`].
    pub const HELD: Self = Self(1 << 4);

    /// Says whether a bit of `other` is set.
    #[inline(always)]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The union of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The entry's state as `fdb show` names it.
    pub const fn state(self) -> &'static str {
        if self.intersects(Self::OWN) {
            "permanent"
        } else if self.intersects(Self::BLACKHOLE) {
            "blackhole"
        } else if self.intersects(Self::STATIC) {
            "static"
        } else if self.intersects(Self::STICKY) {
            "sticky"
        } else {
            "reachable"
        }
    }
}

/// The value of map `FDB`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FdbEntry {
    /// The port that the address is behind.
    pub port: PortId,
    /// Kind of entry.
    pub flags: FdbFlags,
    /// When a frame from the address last arrived there.
    pub last_seen: Ticks,
    /// How often the address has moved of late.
    pub flaps: Flaps,
}

/// Moves of an address, in one word: the count in the upper 8 bits, below them the tick in which the
/// count began.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaps(pub u32);

impl FdbEntry {
    /// An entry learned at `now`.
    #[inline(always)]
    pub const fn learned(port: PortId, now: Ticks) -> Self {
        Self {
            port,
            flags: FdbFlags(0),
            last_seen: now,
            flaps: Flaps(0),
        }
    }

    /// Says whether the entry never ages.
    #[inline(always)]
    pub const fn is_permanent(&self) -> bool {
        self.flags
            .intersects(FdbFlags(FdbFlags::STATIC.0 | FdbFlags::OWN.0))
    }

    /// Says whether the entry still counts at `now`, `ageing` after it was last refreshed.
    ///
    /// The datapath asks this at every lookup, so entries age with no process running.
    #[inline(always)]
    pub fn is_fresh(&self, now: Ticks, ageing: Ticks) -> bool {
        self.is_permanent() || now.since(self.last_seen) <= ageing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_order_keys_as_the_keys_are_ordered() {
        let key = |last, vid| FdbKey {
            mac: MacAddr([2, 0, 0, 0, 1, last]),
            vid,
        };
        let keys = [key(0, 0), key(0, 2), key(0, 256), key(1, 0), key(255, 7)];
        assert!(keys.is_sorted() && keys.is_sorted_by_key(FdbKey::rank));
        assert_eq!(keys.map(|key| FdbKey::of_rank(key.rank())), keys);
    }
}
