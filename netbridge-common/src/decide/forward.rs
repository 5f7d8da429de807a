//! Where a frame goes.

use super::DropReason;
use crate::{FdbEntry, MacAddr, PortId, Ticks};

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
}

impl FloodKind {
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
    ingress: PortId,
    now: Ticks,
    ageing: Ticks,
) -> Result<Forward, DropReason> {
    match entry {
        Some(entry) if entry.is_fresh(now, ageing) => {
            if entry.port == ingress {
                Err(DropReason::SamePort)
            } else {
                Ok(Forward::To(entry.port))
            }
        }
        _ => Ok(Forward::Flood(FloodKind::of(dst))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DST: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
    const AGEING: Ticks = Ticks(300);

    #[test]
    fn a_fresh_entry_decides_and_an_aged_one_does_not() {
        let entry = FdbEntry::learned(PortId(2), Ticks(100));
        let at = |ingress, now| forward(DST, Some(&entry), PortId(ingress), Ticks(now), AGEING);
        assert_eq!(at(1, 400), Ok(Forward::To(PortId(2))));
        assert_eq!(at(2, 400), Err(DropReason::SamePort));
        assert_eq!(at(1, 401), Ok(Forward::Flood(FloodKind::UnknownUnicast)));
        assert_eq!(at(2, 401), Ok(Forward::Flood(FloodKind::UnknownUnicast)));
    }

    #[test]
    fn groups_are_flooded_by_kind() {
        let to = |dst| forward(dst, None, PortId(1), Ticks(0), AGEING);
        assert_eq!(to(DST), Ok(Forward::Flood(FloodKind::UnknownUnicast)));
        assert_eq!(
            to(MacAddr([1, 0, 0x5e, 0, 0, 1])),
            Ok(Forward::Flood(FloodKind::Multicast))
        );
        assert_eq!(
            to(MacAddr::BROADCAST),
            Ok(Forward::Flood(FloodKind::Broadcast))
        );
    }
}
