//! What a frame's source teaches the FDB.

use crate::{FdbEntry, FdbFlags, PortId, Ticks};

/// What to do with the entry of a frame's source.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learn {
    /// Nothing: the entry is right and was refreshed in this tick, or it never ages.
    Keep,
    /// Stamp the entry in place.
    Refresh,
    /// Make a new entry.
    Insert,
    /// Replace the entry: the address is on this port now.
    Move {
        /// The port that it was on.
        from: PortId,
        /// Whether the entry still counted; an aged one is learned anew, not moved.
        fresh: bool,
    },
    /// Leave the entry alone.
    Refuse(Refusal),
}

/// Why an address is not learned.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A static, sticky or own entry says that the address is elsewhere (802.1Q 8.7).
    Held,
    /// The port's limit is reached.
    PortLimit,
    /// The bridge's limit is reached, or the FDB is full.
    BridgeLimit,
}

/// Decides what the source's `entry` becomes when a frame from it arrives on `port`.
///
/// Writes are rare by design: a fresh entry on the right port is stamped at most once a tick.
#[inline(always)]
pub fn learn(entry: Option<&FdbEntry>, port: PortId, now: Ticks, ageing: Ticks) -> Learn {
    let Some(entry) = entry else {
        return Learn::Insert;
    };
    if entry.port == port {
        if entry.is_permanent() || entry.last_seen == now {
            return Learn::Keep;
        }
        return Learn::Refresh;
    }
    let fresh = entry.is_fresh(now, ageing);
    if entry.is_permanent() || (fresh && entry.flags.intersects(FdbFlags::STICKY)) {
        return Learn::Refuse(Refusal::Held);
    }
    Learn::Move {
        from: entry.port,
        fresh,
    }
}

/// Learned addresses against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Addresses learned and not removed since.
    pub used: u64,
    /// Most there may be; 0 for no limit.
    pub limit: u32,
}

impl Room {
    /// The room where the datapath has counted `learned` and userspace has taken back `unlearned`.
    ///
    /// Both only ever count up and have one kind of writer each, so neither needs a lock.
    #[inline(always)]
    pub const fn new(learned: u64, unlearned: u64, limit: u32) -> Self {
        Self {
            used: learned.wrapping_sub(unlearned),
            limit,
        }
    }

    /// Says whether one more may be learned.
    #[inline(always)]
    pub const fn allows_one_more(self) -> bool {
        // The counts are read one after the other, so a removal in between may make the
        // difference negative for a moment: that is an empty port, not a full one.
        self.limit == 0 || self.used < self.limit as u64 || self.used > i64::MAX as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGEING: Ticks = Ticks(300);
    const HERE: PortId = PortId(1);
    const THERE: PortId = PortId(2);

    fn entry(port: PortId, flags: FdbFlags) -> FdbEntry {
        FdbEntry {
            flags,
            ..FdbEntry::learned(port, Ticks(1000))
        }
    }

    #[test]
    fn learned_entries_are_refreshed_once_a_tick_and_move() {
        assert_eq!(learn(None, HERE, Ticks(1000), AGEING), Learn::Insert);
        let known = entry(HERE, FdbFlags(0));
        assert_eq!(learn(Some(&known), HERE, Ticks(1000), AGEING), Learn::Keep);
        assert_eq!(
            learn(Some(&known), HERE, Ticks(1001), AGEING),
            Learn::Refresh
        );
        assert_eq!(
            learn(Some(&known), HERE, Ticks(2000), AGEING),
            Learn::Refresh
        );
        let moved = Learn::Move {
            from: HERE,
            fresh: true,
        };
        assert_eq!(learn(Some(&known), THERE, Ticks(1000), AGEING), moved);
        let anew = Learn::Move {
            from: HERE,
            fresh: false,
        };
        assert_eq!(learn(Some(&known), THERE, Ticks(1301), AGEING), anew);
    }

    #[test]
    fn held_entries_stay() {
        let held = Learn::Refuse(Refusal::Held);
        for flags in [
            FdbFlags::STATIC,
            FdbFlags::OWN,
            FdbFlags::STATIC.with(FdbFlags::STICKY),
        ] {
            assert_eq!(
                learn(Some(&entry(HERE, flags)), THERE, Ticks(9999), AGEING),
                held
            );
            assert_eq!(
                learn(Some(&entry(HERE, flags)), HERE, Ticks(9999), AGEING),
                Learn::Keep
            );
        }
        let sticky = entry(HERE, FdbFlags::STICKY);
        assert_eq!(learn(Some(&sticky), THERE, Ticks(1300), AGEING), held);
        assert_eq!(
            learn(Some(&sticky), HERE, Ticks(1001), AGEING),
            Learn::Refresh
        );
        let anew = Learn::Move {
            from: HERE,
            fresh: false,
        };
        assert_eq!(learn(Some(&sticky), THERE, Ticks(1301), AGEING), anew);
    }

    #[test]
    fn room_counts_both_sides() {
        assert!(Room::new(5, 0, 0).allows_one_more());
        assert!(Room::new(5, 1, 5).allows_one_more());
        assert!(!Room::new(5, 0, 5).allows_one_more());
        assert!(Room::new(5, 6, 5).allows_one_more());
    }
}
