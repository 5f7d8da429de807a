//! Where a frame goes.

use super::DropReason;
use crate::{FdbEntry, FdbFlags, MacAddr, PortFlags, PortId, Settings, Ticks};

/// Where a frame goes.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// To one port.
    To(PortId),
    /// To all ports but the one it came from.
    Flood(FloodKind),
}

/// Why a frame is flooded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodKind {
    /// Nobody knows where the destination is.
    UnknownUnicast,
    /// The destination is a group.
    Multicast,
    /// The destination is everybody.
    Broadcast,
    /// The destination is a group, and the port one that it is for.
    Member,
}

impl FloodKind {
    /// The switch by which a port stays out of such floods.
    #[inline(always)]
    pub const fn switch(self) -> PortFlags {
        match self {
            Self::UnknownUnicast => PortFlags::NO_FLOOD,
            Self::Multicast => PortFlags::NO_MCAST_FLOOD,
            Self::Broadcast => PortFlags::NO_BCAST_FLOOD,
            Self::Member => PortFlags(0),
        }
    }

    /// The kind of flood for a destination without an entry.
    #[inline(always)]
    pub fn of(dst: MacAddr) -> Self {
        if dst.is_broadcast() {
            Self::Broadcast
        } else if dst.is_group() {
            Self::Multicast
        } else {
            Self::UnknownUnicast
        }
    }
}

/// Decides by the destination's `entry` (802.1Q 8.6.3); an aged entry is as good as none.
#[inline(always)]
pub fn forward(
    dst: MacAddr,
    entry: Option<&FdbEntry>,
    (ingress, flags): (PortId, PortFlags),
    now: Ticks,
    settings: &Settings,
) -> Result<Forward, DropReason> {
    if let Some(entry) = entry
        && entry.is_fresh(now, settings.ageing)
    {
        if entry.flags.intersects(FdbFlags::BLACKHOLE) {
            return Err(DropReason::Blackhole);
        }
        if entry.port == ingress && !flags.contains(PortFlags::HAIRPIN) {
            return Err(DropReason::SamePort);
        }
        return Ok(Forward::To(entry.port));
    }
    let kind = FloodKind::of(dst);
    if kind == FloodKind::UnknownUnicast && settings.drop_unknown != 0 {
        return Err(DropReason::FloodOff);
    }
    Ok(Forward::Flood(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DST: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
    fn settings() -> Settings {
        Settings {
            ageing: Ticks(300),
            ..Settings::default()
        }
    }

    #[test]
    fn a_fresh_entry_decides_and_an_aged_one_does_not() {
        let entry = FdbEntry::learned(PortId(2), Ticks(100));
        let at = |ingress, flags, now| {
            let ingress = (PortId(ingress), flags);
            forward(DST, Some(&entry), ingress, Ticks(now), &settings())
        };
        let plain = PortFlags::default();
        let flooded = Ok(Forward::Flood(FloodKind::UnknownUnicast));
        assert_eq!(at(1, plain, 400), Ok(Forward::To(PortId(2))));
        assert_eq!(at(2, plain, 400), Err(DropReason::SamePort));
        let back = at(2, PortFlags::HAIRPIN, 400);
        assert_eq!(back, Ok(Forward::To(PortId(2))));
        assert_eq!(at(1, plain, 401), flooded);
        assert_eq!(at(2, plain, 401), flooded);
    }

    #[test]
    fn a_blackhole_swallows() {
        let entry = FdbEntry {
            flags: FdbFlags::STATIC.with(FdbFlags::BLACKHOLE),
            ..FdbEntry::learned(PortId::NONE, Ticks(0))
        };
        let ingress = (PortId(1), PortFlags::default());
        let outcome = forward(DST, Some(&entry), ingress, Ticks(9999), &settings());
        assert_eq!(outcome, Err(DropReason::Blackhole));
    }

    #[test]
    fn groups_are_flooded_by_kind() {
        let ingress = (PortId(1), PortFlags::default());
        let plain = settings();
        let to = |dst, settings| forward(dst, None, ingress, Ticks(0), settings);
        let group = MacAddr([1, 0, 0x5e, 0, 0, 1]);
        let flood = |kind| Ok(Forward::Flood(kind));
        assert_eq!(to(DST, &plain), flood(FloodKind::UnknownUnicast));
        assert_eq!(to(group, &plain), flood(FloodKind::Multicast));
        let everybody = MacAddr::BROADCAST;
        assert_eq!(to(everybody, &plain), flood(FloodKind::Broadcast));
        let no_unknown = Settings {
            drop_unknown: 1,
            ..plain
        };
        assert_eq!(to(DST, &no_unknown), Err(DropReason::FloodOff));
        assert_eq!(to(group, &no_unknown), flood(FloodKind::Multicast));
        assert_eq!(to(everybody, &no_unknown), flood(FloodKind::Broadcast));
    }
}
