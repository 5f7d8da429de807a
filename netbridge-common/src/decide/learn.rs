//! What a frame's source teaches the FDB.

use crate::{FdbEntry, FdbFlags, PortFlags, PortId, Ticks};

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
    /// The port has so many that the others would soon find no room.
    UnfairShare,
}

/// Decides what the source's `entry` becomes when a frame from it arrives on `port`.
///
/// Writes are rare by design: a fresh entry on the right port is stamped at most once a tick.
#[inline(always)]
pub fn learn(
    entry: Option<&FdbEntry>,
    (port, flags): (PortId, PortFlags),
    now: Ticks,
    ageing: Ticks,
) -> Learn {
    if flags.contains(PortFlags::NO_LEARNING) {
        return Learn::Keep;
    }
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
        self.limit == 0 || self.taken() < self.limit as u64
    }

    /// The addresses that count.
    #[inline(always)]
    const fn taken(self) -> u64 {
        // The counts are read one after the other, so a removal in between may make the
        // difference negative for a moment: that is an empty port, not a full one.
        if self.used > i64::MAX as u64 {
            0
        } else {
            self.used
        }
    }
}

/// How many addresses a port without a limit of its own may have for each that is still free.
const SHARE: u64 = 7;

/// Says whether a port without a limit may learn one more, where the whole FDB is `bridge`; always,
/// where its size is not known (0).
///
/// A port that floods addresses gets at most seven eighths of the FDB and leaves the rest to the
/// others, two such ports fifteen sixteenths, and so on: as much as there is where nobody else wants
/// it, never all (the dynamic threshold of shared-memory switches, Choudhury and Hahne 1998).
#[inline(always)]
pub const fn is_fair(port: Room, bridge: Room) -> bool {
    let free = (bridge.limit as u64).saturating_sub(bridge.taken());
    bridge.limit == 0 || port.taken() < free.saturating_mul(SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGEING: Ticks = Ticks(300);
    const HERE: PortId = PortId(1);
    const THERE: PortId = PortId(2);
    const PLAIN: PortFlags = PortFlags(0);

    fn entry(port: PortId, flags: FdbFlags) -> FdbEntry {
        FdbEntry {
            flags,
            ..FdbEntry::learned(port, Ticks(1000))
        }
    }

    #[test]
    fn learned_entries_are_refreshed_once_a_tick_and_move() {
        assert_eq!(
            learn(None, (HERE, PLAIN), Ticks(1000), AGEING),
            Learn::Insert
        );
        let known = entry(HERE, FdbFlags(0));
        assert_eq!(
            learn(Some(&known), (HERE, PLAIN), Ticks(1000), AGEING),
            Learn::Keep
        );
        assert_eq!(
            learn(Some(&known), (HERE, PLAIN), Ticks(1001), AGEING),
            Learn::Refresh
        );
        assert_eq!(
            learn(Some(&known), (HERE, PLAIN), Ticks(2000), AGEING),
            Learn::Refresh
        );
        let moved = Learn::Move {
            from: HERE,
            fresh: true,
        };
        assert_eq!(
            learn(Some(&known), (THERE, PLAIN), Ticks(1000), AGEING),
            moved
        );
        let anew = Learn::Move {
            from: HERE,
            fresh: false,
        };
        assert_eq!(
            learn(Some(&known), (THERE, PLAIN), Ticks(1301), AGEING),
            anew
        );
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
                learn(
                    Some(&entry(HERE, flags)),
                    (THERE, PLAIN),
                    Ticks(9999),
                    AGEING
                ),
                held
            );
            assert_eq!(
                learn(
                    Some(&entry(HERE, flags)),
                    (HERE, PLAIN),
                    Ticks(9999),
                    AGEING
                ),
                Learn::Keep
            );
        }
        let sticky = entry(HERE, FdbFlags::STICKY);
        assert_eq!(
            learn(Some(&sticky), (THERE, PLAIN), Ticks(1300), AGEING),
            held
        );
        assert_eq!(
            learn(Some(&sticky), (HERE, PLAIN), Ticks(1001), AGEING),
            Learn::Refresh
        );
        let anew = Learn::Move {
            from: HERE,
            fresh: false,
        };
        assert_eq!(
            learn(Some(&sticky), (THERE, PLAIN), Ticks(1301), AGEING),
            anew
        );
    }

    #[test]
    fn room_counts_both_sides() {
        assert!(Room::new(5, 0, 0).allows_one_more());
        assert!(Room::new(5, 1, 5).allows_one_more());
        assert!(!Room::new(5, 0, 5).allows_one_more());
        assert!(Room::new(5, 6, 5).allows_one_more());
    }

    #[test]
    fn a_port_that_does_not_learn_leaves_the_fdb_alone() {
        let quiet = (THERE, PortFlags::NO_LEARNING);
        assert_eq!(learn(None, quiet, Ticks(1000), AGEING), Learn::Keep);
        let known = entry(HERE, FdbFlags(0));
        assert_eq!(learn(Some(&known), quiet, Ticks(1001), AGEING), Learn::Keep);
    }

    #[test]
    fn a_flood_of_addresses_leaves_room_for_the_others() {
        const CAPACITY: u32 = 800;
        let mut ports = [0_u64; 4];
        let mut fill = |port: usize| {
            loop {
                let bridge = Room::new(ports.iter().sum(), 0, CAPACITY);
                if !is_fair(Room::new(ports[port], 0, 0), bridge) {
                    return ports[port];
                }
                ports[port] += 1;
            }
        };
        assert_eq!(fill(0), 700);
        assert!(fill(1) > 80);
        assert!(fill(2) > 8);
        assert!(fill(3) > 0);
    }
}
